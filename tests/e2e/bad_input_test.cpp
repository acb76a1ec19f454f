// Bad input gets a clear error that names field, value and remedy; nothing is queued, damaged or left hanging.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "fleet.hpp"

namespace rsg::e2e {
namespace {

class BadInput : public Fleet {};

TEST_F(BadInput, SubmitRefusesAndQueuesNothing) {
  StartCoordinator();
  const auto agent = StartAgent("one");
  WaitForAgents(1);
  std::ofstream(folder_ / "empty.pt");
  std::ofstream(folder_ / "net.pt") << "PK\x03\x04 and no module";
  std::ofstream(folder_ / "text.pt") << "def forward(x): return x";
  const struct {
    std::vector<std::string> flags;
    std::string word;
  } cases[] = {
      {{"--models", "resnet51", "--bs", "8"}, "resnet51"},
      {{"--models", "resnet18", "--bs", "0"}, "0"},
      {{"--models", "resnet18", "--bs", "8..4"}, "8..4"},
      {{"--models", "resnet18", "--bs", "8", "--size", "16"}, "16"},
      {{"--models", "resnet18", "--bs", "8", "--precision", "fp16"}, "fp16"},
      {{"--models", "resnet18", "--bs", "8", "--precision", "fp17"}, "fp17"},
      {{"--script", folder_ / "absent.pt", "--bs", "8"}, "absent.pt"},
      {{"--script", folder_, "--bs", "8"}, "no regular file"},
      {{"--script", folder_ / "empty.pt", "--bs", "8"}, "empty"},
      {{"--script", folder_ / "text.pt", "--bs", "8"}, "no TorchScript module"},
      {{"--models", "resnet18", "--bs", "8", "--input-shape", "3,8,8"}, "input-shape"},
      {{"--script", folder_ / "net.pt", "--bs", "8", "--input-shape", "3,0"}, "0 is out of range"},
      {{"--script", folder_ / "net.pt", "--bs", "8", "--input-shape", "10", "--memory-format", "nhwc"}, "nhwc"},
      {{"--script", (folder_ / "net.pt").string() + "," + (folder_ / "net.pt").string(), "--bs", "8"}, "twice"},
  };
  for (const auto& [flags, word] : cases) {
    std::vector<std::string> arguments{"sweep", "submit"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Output output = Rsg(arguments);
    EXPECT_EQ(output.exit_code, 2) << word << ": " << output.out << output.err;
    EXPECT_NE(output.err.find(word), std::string::npos) << output.err;
  }
  EXPECT_EQ(SqlValue("SELECT count(*) FROM sweeps"), "0");
}

TEST_F(BadInput, AScriptLargerThanTheCoordinatorTakesIsNotSent) {
  StartCoordinator({"--script-size", "0.001"});
  std::ofstream(folder_ / "large.pt") << "PK\x03\x04" << std::string(2 << 20, 'x');
  const Output output = Rsg({"sweep", "submit", "--script", folder_ / "large.pt", "--bs", "8"});
  EXPECT_NE(output.exit_code, 0);
  EXPECT_NE(output.err.find("large.pt: bytes: 3 MiB is more than"), std::string::npos) << output.err;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "coordinator" / "scripts"));
  EXPECT_EQ(SqlValue("SELECT count(*) FROM sweeps"), "0");
}

TEST_F(BadInput, AgentWithoutAGoodJoinLineEndsWithTheReason) {
  StartCoordinator();
  std::string line;
  std::getline(std::ifstream(folder_ / "coordinator" / "join") >> std::ws, line);
  const auto join = [&](const std::string& text) {
    return RunCommand({Program("rsg-agent")}, {{"RSG_JOIN", text}, {"RSG_STATE", folder_ / "bad"}}, 30);
  };
  const Output truncated = join(line.substr(0, line.size() / 2));
  EXPECT_EQ(truncated.exit_code, 2) << truncated.err;
  EXPECT_NE(truncated.err.find("truncated"), std::string::npos) << truncated.err;
  const Output none = join("");
  EXPECT_NE(none.exit_code, 0);
  EXPECT_NE(none.err.find("RSG_JOIN"), std::string::npos) << none.err;
}

TEST_F(BadInput, UsedUpTokenIsRefused) {
  StartCoordinator();
  const std::string file = folder_ / "single-use";
  EXPECT_EQ(Rsg({"agents", "token", "create", "--uses", "1", "--out", file}).exit_code, 0);
  std::string line;
  std::getline(std::ifstream(file) >> std::ws, line);
  const auto first = std::make_unique<Process>(
      std::vector<std::string>{Program("rsg-agent")},
      Environment{{"RSG_JOIN", line}, {"RSG_STATE", folder_ / "first"}, {"RSG_NAME", "first"}},
      (folder_ / "first.log").string());
  WaitForAgents(1);
  const Output second = RunCommand({Program("rsg-agent")}, {{"RSG_JOIN", line}, {"RSG_STATE", folder_ / "second"}}, 30);
  EXPECT_NE(second.exit_code, 0);
  EXPECT_NE(second.err.find("used up"), std::string::npos) << second.err;
}

TEST_F(BadInput, SecondCoordinatorOnOneStateFolderSaysSo) {
  StartCoordinator();
  const Output second =
      RunCommand({Program("rsg"), "serve", "--state", folder_ / "coordinator", "--listen", "127.0.0.1:0"}, {}, 20);
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_NE(second.err.find("another rsg program"), std::string::npos) << second.err;
  const Output port = RunCommand({Program("rsg"), "serve", "--state", folder_ / "other", "--listen", address_}, {}, 20);
  EXPECT_EQ(port.exit_code, 1);
  EXPECT_NE(port.err.find(address_), std::string::npos) << port.err;
}

TEST_F(BadInput, DatabaseThatIsNewerOrForeignIsNotTouched) {
  StartCoordinator();
  coordinator_.reset();
  ASSERT_EQ(
      RunCommand({"/usr/bin/sqlite3", folder_ / "coordinator" / "rsg.db", "PRAGMA user_version = 9999;"}).exit_code, 0);
  const Output newer =
      RunCommand({Program("rsg"), "serve", "--state", folder_ / "coordinator", "--listen", "127.0.0.1:0"}, {}, 20);
  EXPECT_EQ(newer.exit_code, 1);
  EXPECT_NE(newer.err.find("9999"), std::string::npos) << newer.err;
  EXPECT_EQ(SqlValue("PRAGMA user_version"), "9999");
}

TEST_F(BadInput, OperatorIsToldWhatToDoWithoutACoordinator) {
  const Output output = RunCommand({Program("rsg"), "sweep", "list"}, {{"HOME", folder_}}, 30);
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_NE(output.err.find("rsg serve"), std::string::npos) << output.err;
}

}  // namespace
}  // namespace rsg::e2e
