// What can be wrong when a coordinator starts, and what it leaves in its state folder.
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <fstream>

#include "common/files.hpp"
#include "test_agent.hpp"

namespace rsg::server {
namespace {

using testing::HasSubstr;

class StartUp : public ServerTest {
 protected:
  std::string Refusal(const ServerOptions& options) {
    const auto server = Server::Start(options);
    EXPECT_FALSE(server.ok());
    return std::string(server.status().message());
  }
};

TEST_F(StartUp, SecondCoordinatorOnAStateFolderIsRefused) {
  Start();
  ServerOptions options = Options();
  options.listen = "127.0.0.1:0";
  EXPECT_THAT(Refusal(options), HasSubstr("another rsg program"));
}

TEST_F(StartUp, PortInUseIsNamed) {
  Start();
  ServerOptions options = Options();
  options.state_folder = folder_.path() / "other";
  EXPECT_THAT(Refusal(options), testing::AllOf(HasSubstr(server_->address()), HasSubstr("in use")));
}

TEST_F(StartUp, NewerDatabaseIsLeftAsItIs) {
  Start();
  Stop();
  const std::string path = folder_.path() / "state" / "rsg.db";
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, "PRAGMA user_version = 9999", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
  EXPECT_THAT(Refusal(Options()), HasSubstr("9999"));
}

TEST_F(StartUp, BadOptionsAreNamed) {
  ServerOptions options = Options();
  options.listen = "nonsense";
  EXPECT_THAT(Refusal(options), HasSubstr("listen"));
  options = Options();
  options.advertise = "0.0.0.0:7700";
  EXPECT_THAT(Refusal(options), HasSubstr("advertise"));
  options = Options();
  options.settings.heartbeat_seconds = 100;
  EXPECT_THAT(Refusal(options), HasSubstr("heartbeat"));
  EXPECT_FALSE(std::filesystem::exists(options.state_folder)) << "nothing was made";
}

TEST_F(StartUp, StateFolderThatIsAFileIsRefused) {
  std::ofstream(folder_.path() / "state") << "not a folder";
  EXPECT_THAT(Refusal(Options()), HasSubstr("state"));
}

TEST_F(StartUp, SecretsAreOursAloneAndStay) {
  Start();
  const auto state = folder_.path() / "state";
  for (const char* file : {"operator", "operator-remote", "join", "rsg.db"}) {
    struct stat info {};
    ASSERT_EQ(stat((state / file).c_str(), &info), 0) << file;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << file;
  }
  const std::string operator_line = server_->operator_line();
  EXPECT_EQ(*ReadFile(state / "operator"), operator_line + "\n");
  Stop();
  Start();
  EXPECT_EQ(server_->operator_line(), operator_line);
}

TEST_F(StartUp, LineThatOthersCouldReadIsNotTrusted) {
  Start();
  Stop();
  chmod((folder_.path() / "state" / "operator").c_str(), 0644);
  EXPECT_THAT(Refusal(Options()), HasSubstr("chmod 600"));
}

TEST_F(StartUp, AdvertisedAddressGoesIntoJoinLines) {
  ServerOptions options = Options();
  options.advertise = "coordinator.example.org";
  auto server = Server::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  const auto line = ParseJoinLine((*server)->join_line(), JoinKind::kAgent);
  EXPECT_EQ(line->address, "coordinator.example.org:" + std::to_string((*server)->port()));
  EXPECT_EQ(ParseJoinLine((*server)->operator_line(), JoinKind::kOperator)->address, (*server)->address())
      << "this machine's programs dial it as it is bound";
}

TEST_F(StartUp, NewJoinTokenIsMadeWhenTheOldOneIsGone) {
  Start();
  const std::string before = server_->join_line();
  v1::ListTokensResponse tokens;
  ASSERT_TRUE(Call(&v1::Control::Stub::ListTokens, v1::ListTokensRequest(), &tokens).ok());
  v1::RevokeTokenRequest revoke;
  revoke.set_token_id(tokens.tokens(0).token_id());
  v1::RevokeTokenResponse revoked;
  ASSERT_TRUE(Call(&v1::Control::Stub::RevokeToken, revoke, &revoked).ok());
  Stop();
  Start();
  EXPECT_NE(server_->join_line(), before);
  TestAgent agent(server_->join_line(), "one", 1);
  EXPECT_TRUE(agent.Enrol().ok());
}

}  // namespace
}  // namespace rsg::server
