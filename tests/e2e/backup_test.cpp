// A coordinator's machine is lost in the middle of a sweep; another one takes its place with a backup.
#include "fleet.hpp"

namespace rsg::e2e {
namespace {

TEST_F(Fleet, SweepGoesOnFromABackup) {
  StartCoordinator();
  const auto agent = StartAgent("one");
  WaitForAgents(1);
  const std::string sweep = Submit({"--models", "resnet18", "--bs", "2,4,8", "--size", "32", "--seconds", "2"});
  WaitForTrainer(*agent);
  const auto results = [&] { return std::stoi(SqlValue("SELECT count(*) FROM results")); };
  const auto windows = [&] { return std::stoi(SqlValue("SELECT count(*) FROM windows")); };
  ASSERT_TRUE(Eventually(20, [&] { return results() > 0; }));
  const std::string backup = folder_ / "backup";
  const Output copied = Rsg({"backup", backup, "--state", state()});
  ASSERT_EQ(copied.exit_code, 0) << copied.err;
  const int stored = windows();
  EXPECT_TRUE(Eventually(20, [&] { return windows() > stored + 3; })) << "the coordinator does not go on storing";
  KillCoordinator();

  state_name_ = "restored";
  const Output restored = RunCommand({Program("rsg"), "restore", backup, "--state", state()});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_GT(results(), 0);
  EXPECT_LE(windows(), stored) << "what was stored after the backup is gone";
  StartCoordinator();
  EXPECT_EQ(WaitForSweep(sweep), "COMPLETED");
  ExpectNothingLostOrDoubled(sweep);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM v_results WHERE outcome = 'COMPLETED'"), "3");
  EXPECT_EQ(SqlValue("SELECT count(*) FROM agents"), "1") << "it knows the coordinator, and the coordinator it";
  EXPECT_TRUE(agent->Running());
}

}  // namespace
}  // namespace rsg::e2e
