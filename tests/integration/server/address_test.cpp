#include "coordinator/server/address.hpp"

#include <gmock/gmock.h>

namespace rsg::server {
namespace {

using testing::HasSubstr;

TEST(Addresses, AreReadAndWritten) {
  for (const char* text : {"127.0.0.1:7700", "[::1]:7700", "coordinator.example.org:1"})
    EXPECT_EQ(Format(*ParseAddress(text, "listen")), text);
  EXPECT_EQ(ParseAddress(":7700", "listen")->host, "");
  EXPECT_EQ(ParseAddress("host", "advertise", 0)->port, 0);
  EXPECT_EQ(ParseAddress("127.0.0.1:0", "listen")->port, 0);
}

TEST(Addresses, WrongOnesAreNamed) {
  for (const char* text :
       {"", "host", "host:", "host:70000", "host:-1", "host:12x", "[::1", "[::1]7", "a b:1", "::1:7"}) {
    const auto parsed = ParseAddress(text, "listen");
    ASSERT_TRUE(absl::IsInvalidArgument(parsed.status())) << text;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr("listen"));
  }
}

TEST(Addresses, ThatOnlyTheOwnNetworkReachesAreKnown) {
  for (const char* host : {"127.0.0.1", "10.1.2.3", "192.168.0.9", "172.16.0.1", "172.31.255.255", "169.254.1.1",
                           "100.64.0.1", "::1", "fe80::1", "fd00::1", "localhost", "laptop", "laptop.local"})
    EXPECT_TRUE(IsLocalOnly(host)) << host;
  for (const char* host : {"203.0.113.7", "172.32.0.1", "100.128.0.1", "2001:db8::1", "example.org"})
    EXPECT_FALSE(IsLocalOnly(host)) << host;
}

TEST(Addresses, ThatCannotBeListenedOnSayWhy) {
  EXPECT_TRUE(CheckCanListen({.host = "127.0.0.1", .port = 0}).ok());
  const auto elsewhere = CheckCanListen({.host = "203.0.113.7", .port = 7700});
  EXPECT_THAT(std::string(elsewhere.message()), HasSubstr("203.0.113.7:7700"));
}

}  // namespace
}  // namespace rsg::server
