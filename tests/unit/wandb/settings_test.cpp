// Where the key is looked for, and what is refused.
#include "coordinator/wandb/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <map>

namespace rsg::wandb {
namespace {

using testing::HasSubstr;
using testing::Not;

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    std::string name = (std::filesystem::temp_directory_path() / "rsg-wandb-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    variables_["HOME"] = folder_.string();
  }
  ~SettingsTest() override { std::filesystem::remove_all(folder_); }

  void Write(const char* file, const std::string& text, unsigned mode = 0600) {
    std::ofstream(folder_ / file) << text;
    chmod((folder_ / file).c_str(), mode);
  }
  absl::StatusOr<Settings> Load() {
    return LoadSettings(
        [this](const char* name) -> std::optional<std::string> {
          const auto found = variables_.find(name);
          if (found == variables_.end()) return std::nullopt;
          return found->second;
        },
        folder_);
  }

  std::filesystem::path folder_;
  std::map<std::string, std::string> variables_;
};

TEST_F(SettingsTest, WithoutAKeyNothingIsSent) {
  const auto settings = Load();
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->key, "");
  EXPECT_EQ(settings->base_url, "https://api.wandb.ai");
  EXPECT_EQ(settings->target.project, "ready-steady-go");
}

TEST_F(SettingsTest, TheEnvironmentComesBeforeNetrcBeforeTheFile) {
  Write("wandb-key", "from-file\n");
  EXPECT_EQ(Load()->key, "from-file");
  Write(".netrc",
        "machine example.org login a password b\nmachine api.wandb.ai\n  login user\n  password from-netrc\n");
  EXPECT_EQ(Load()->key, "from-netrc");
  variables_["WANDB_BASE_URL"] = "http://127.0.0.1:8080/";
  EXPECT_EQ(Load()->key, "from-file") << "another host's password goes nowhere else";
  EXPECT_EQ(Load()->base_url, "http://127.0.0.1:8080");
  variables_["WANDB_API_KEY"] = "from-environment";
  EXPECT_EQ(Load()->key, "from-environment");
  variables_["WANDB_MODE"] = "disabled";
  EXPECT_EQ(Load()->key, "");
}

TEST_F(SettingsTest, TheKeyCanBeLookedForAgain) {
  Write("wandb-key", "old\n");
  const auto settings = Load();
  Write("wandb-key", "new\n");
  EXPECT_EQ(*settings->key_again(), "new");
  EXPECT_EQ(settings->key, "old");
}

TEST_F(SettingsTest, RefusesAKeyThatOthersCanRead) {
  Write("wandb-key", "a-secret", 0644);
  EXPECT_FALSE(Load().ok());
  Write("wandb-key", "a-secret", 0600);
  Write(".netrc", "machine api.wandb.ai login user password a-secret", 0644);
  EXPECT_FALSE(Load().ok());
  EXPECT_THAT(Load().status().ToString(), Not(HasSubstr("a-secret")));
}

TEST_F(SettingsTest, RefusesWhatCannotBeWithoutShowingTheKey) {
  variables_["WANDB_API_KEY"] = "two words-of-secret";
  EXPECT_THAT(Load().status().ToString(), HasSubstr("WANDB_API_KEY"));
  EXPECT_THAT(Load().status().ToString(), Not(HasSubstr("secret")));
  variables_["WANDB_API_KEY"] = "fine";
  for (const char* url : {"api.wandb.ai", "ftp://x", "https://", "http://user:pass@host", "https://a b"}) {
    variables_["WANDB_BASE_URL"] = url;
    EXPECT_THAT(Load().status().ToString(), HasSubstr("WANDB_BASE_URL")) << url;
  }
  variables_.erase("WANDB_BASE_URL");
  variables_["WANDB_PROJECT"] = "a/b";
  EXPECT_THAT(Load().status().ToString(), HasSubstr("WANDB_PROJECT"));
}

TEST(Netrc, IsReadAsItsKind) {
  EXPECT_EQ(NetrcPassword("machine a login b password c machine d password e", "d"), "e");
  EXPECT_EQ(NetrcPassword("machine a login machine password d", "d"), std::nullopt);
  EXPECT_EQ(NetrcPassword("machine a login b", "a"), std::nullopt);
  EXPECT_EQ(NetrcPassword("machine", "a"), std::nullopt);
  EXPECT_EQ(NetrcPassword("default login b password c", "a"), std::nullopt);
  EXPECT_EQ(HostOf("https://api.wandb.ai:443/x"), "api.wandb.ai");
  EXPECT_EQ(HostOf("http://[::1]:80"), "[::1]");
}

}  // namespace
}  // namespace rsg::wandb
