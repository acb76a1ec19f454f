// `--log-format json`: whatever the programs say on standard error is an object a line.
#include <signal.h>

#include <fstream>
#include <sstream>

#include "fault_fleet.hpp"

namespace rsg::e2e {
namespace {

class JsonLog : public FaultFleet {
 protected:
  /// All lines, each of which must be an object with the fields that every line has.
  static std::vector<nlohmann::json> Lines(const std::string& text) {
    std::vector<nlohmann::json> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      const auto object = nlohmann::json::parse(line, nullptr, false);
      EXPECT_TRUE(object.is_object()) << line;
      if (!object.is_object()) continue;
      for (const char* name : {"time", "level", "message"}) EXPECT_TRUE(object.contains(name)) << line;
      lines.push_back(object);
    }
    return lines;
  }
  static nlohmann::json Find(const std::vector<nlohmann::json>& lines, const std::string& words) {
    for (const auto& line : lines)
      if (line.value("message", "").find(words) != std::string::npos) return line;
    ADD_FAILURE() << "no line says: " << words;
    return nlohmann::json::object();
  }
  static std::string Slurp(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
};

TEST_F(JsonLog, OfACoordinatorAndAnAgentTellsTheWayOfAnAttempt) {
  const std::filesystem::path errors = folder_ / "errors";
  coordinator_wrapper_ = {"/bin/sh", "-c", "exec \"$@\" 2>\"$0\"", errors};
  agent_wrapper_ = {"/bin/sh", "-c", "exec \"$0\" --log-format json"};
  StartCoordinator({"--log-format", "json"});
  const auto agent = StartScripted("one", 3);
  WaitForAgents(1);
  EXPECT_EQ(WaitForSweep(SubmitOne()), "COMPLETED");
  agent->Signal(SIGTERM);
  EXPECT_EQ(agent->Wait(10), 0);
  coordinator_->Signal(SIGTERM);
  EXPECT_EQ(coordinator_->Wait(10), 0);

  const auto coordinator = Lines(Slurp(errors));
  const std::string agent_id = SqlValue("SELECT agent_id FROM agents");
  EXPECT_EQ(Find(coordinator, "attached").value("agent_id", ""), agent_id);
  EXPECT_EQ(Find(coordinator, "queued").value("sweep_id", ""), "s1");
  EXPECT_EQ(Find(coordinator, "agents are told to dial").value("level", ""), "warning");
  const auto said = Lines(agent->Log());
  EXPECT_EQ(Find(said, "attached to").value("agent_id", ""), agent_id);
  const auto end = Find(said, "s1.1.1: COMPLETED");
  EXPECT_EQ(end.value("attempt_id", ""), "s1.1.1");
  EXPECT_EQ(end.value("job_id", ""), "s1.1");
  EXPECT_EQ(end.value("sweep_id", ""), "s1");
  const std::string all = Slurp(errors) + agent->Log();
  for (const char* kind : {"rsg-join-1", "rsg-operator-1"}) EXPECT_EQ(all.find(kind), std::string::npos);
}

TEST_F(JsonLog, SaysWhyTheProgramEnds) {
  StartCoordinator();
  const Output second = RunCommand(
      {Program("rsg"), "serve", "--state", state(), "--listen", "127.0.0.1:0", "--log-format", "json"}, {}, 20);
  EXPECT_EQ(second.exit_code, 1);
  const auto lines = Lines(second.err);
  ASSERT_EQ(lines.size(), 1u) << second.err;
  EXPECT_EQ(Find(lines, "another rsg program").value("level", ""), "error");
  const Output wrong = RunCommand({Program("rsg"), "serve", "--state", state(), "--log-format", "xml"}, {}, 20);
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_NE(wrong.err.find("log-format: 'xml' is unknown; use text or json"), std::string::npos) << wrong.err;
}

}  // namespace
}  // namespace rsg::e2e
