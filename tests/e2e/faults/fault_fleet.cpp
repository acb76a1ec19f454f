#include "fault_fleet.hpp"

#include <cstdio>
#include <fstream>
#include <vector>

namespace rsg::e2e {
namespace {

struct Figure {
  std::string fault;
  std::string detect;
  std::string resume;
  std::string note;
};

std::vector<Figure>& Figures() {
  static std::vector<Figure> figures;
  return figures;
}

std::string Text(double seconds) {
  if (seconds < 0) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", seconds);
  return text;
}

void Print(const Figure& figure) {
  std::printf("%-44s %10s %10s  %s\n", figure.fault.c_str(), figure.detect.c_str(), figure.resume.c_str(),
              figure.note.c_str());
  std::fflush(stdout);
}

class Table : public testing::Environment {
 public:
  void TearDown() override {
    if (Figures().size() < 2) return;
    Print({"fault", "detected", "resumed", ""});
    for (const Figure& figure : Figures()) Print(figure);
  }
};

const testing::Environment* const table = testing::AddGlobalTestEnvironment(new Table);

}  // namespace

void Record(const std::string& fault, double seconds_to_detect, double seconds_to_resume, const std::string& note) {
  const Figure figure{fault, Text(seconds_to_detect), Text(seconds_to_resume), note};
  Print(figure);
  testing::Test::RecordProperty("detected", figure.detect);
  testing::Test::RecordProperty("resumed", figure.resume);
  Figures().push_back(figure);
}

std::unique_ptr<Process> FaultFleet::StartScripted(const std::string& name, int windows, int pause_milliseconds,
                                                   Environment more) {
  more["RSG_TRAINER"] = RSG_FAKE_TRAINER;
  more.try_emplace("OMP_FAKE_TRAINER", "good-" + std::to_string(windows) + "-" + std::to_string(pause_milliseconds));
  return StartAgent(name, more);
}

void FaultFleet::StartBehindProxy() {
  StartCoordinator({"--advertise", proxy_.address()});
  proxy_.Forward(std::stoi(address_.substr(address_.rfind(':') + 1)));
}

void FaultFleet::Reconnect() {
  const std::string attached = "attached";
  const int before = Count(coordinator_->Log(), attached);
  proxy_.Cut();
  EXPECT_TRUE(WaitForLog(*coordinator_, attached, before + 1));
}

bool FaultFleet::WaitForWindowsOver(int count, double seconds) {
  return Eventually(seconds, [&] { return Windows() > count; });
}

std::string FaultFleet::StateOf(const std::string& agent) {
  const auto agents = nlohmann::json::parse(Rsg({"agents", "list", "-o", "json"}).out, nullptr, false);
  if (!agents.is_array()) return "";
  for (const auto& row : agents)
    if (row.value("name", "") == agent) return row.value("state", "");
  return "";
}

bool FaultFleet::WaitForState(const std::string& agent, const std::string& state, double seconds) {
  return Eventually(seconds, [&] { return StateOf(agent) == state; });
}

bool FaultFleet::WaitForLog(const Process& process, const std::string& text, int count, double seconds) {
  return Eventually(seconds, [&] { return Count(process.Log(), text) >= count; });
}

int FaultFleet::Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

void FaultFleet::ExpectCompleted(const std::string& sweep, int jobs, int attempts) {
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  ExpectNothingLostOrDoubled(sweep);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM v_results WHERE outcome = 'COMPLETED'"), std::to_string(jobs));
  EXPECT_EQ(SqlValue("SELECT count(*) FROM attempts"), std::to_string(attempts));
}

Environment FaultFleet::Shim(const std::string& name) const {
  return {{"LD_PRELOAD", RSG_FAULTS_SHIM}, {"RSG_SHIM", folder_ / (name + ".shim")}};
}

void FaultFleet::SetShim(const std::string& name, double clock_offset, double flush_delay) const {
  const std::filesystem::path path = folder_ / (name + ".shim");
  std::ofstream(path.string() + ".new") << std::fixed << clock_offset << ' ' << flush_delay << '\n';
  std::filesystem::rename(path.string() + ".new", path);
}

}  // namespace rsg::e2e
