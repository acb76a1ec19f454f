// What can be looked at without a credential: gRPC's health and reflection, /healthz and /metrics.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <set>
#include <sstream>

#include "common/channel.hpp"
#include "coordinator/server/address.hpp"
#include "coordinator/web/exposition.hpp"
#include "full_disk.hpp"
#include "test_agent.hpp"

namespace rsg::server {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class LookOn : public ServerTest {
 protected:
  ServerOptions Options() const override {
    ServerOptions options = ServerTest::Options();
    options.http = "127.0.0.1:0";
    return options;
  }

  int Dial() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(ParseAddress(server_->http_address(), "http")->port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    return fd;
  }

  /// The whole answer, head included, to what is sent as it is.
  std::string Exchange(const std::string& request) {
    const int fd = Dial();
    EXPECT_EQ(send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    std::string answer;
    char part[4096];
    for (ssize_t got = 0; (got = recv(fd, part, sizeof part, 0)) > 0;)
      answer.append(part, static_cast<std::size_t>(got));
    close(fd);
    return answer;
  }

  std::string Get(const std::string& path) {
    return Exchange("GET " + path + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  }

  /// Samples of an exposition by name and labels. Fails on what the format or its conventions do not allow.
  static std::map<std::string, double> Samples(const std::string& text) {
    std::map<std::string, double> samples;
    std::map<std::string, std::string> types;
    std::istringstream lines(text);
    std::string family;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("# HELP ")) {
        family = line.substr(7, line.find(' ', 7) - 7);
        EXPECT_FALSE(types.contains(family)) << family << " twice";
      } else if (line.starts_with("# TYPE ")) {
        const auto end = line.find(' ', 7);
        EXPECT_EQ(line.substr(7, end - 7), family);
        types[family] = line.substr(end + 1);
        EXPECT_EQ(family.ends_with("_total"), types[family] == "counter") << family;
        EXPECT_TRUE(types[family] != "histogram" || family.ends_with("_seconds")) << family;
      } else {
        const auto space = line.rfind(' ');
        const std::string name = line.substr(0, line.find_first_of("{ "));
        EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string::npos) << line;
        EXPECT_THAT(name, StartsWith(family));
        EXPECT_TRUE(types[family] == "histogram" || name == family) << line;
        EXPECT_TRUE(samples.emplace(line.substr(0, space), std::stod(line.substr(space + 1))).second) << line;
      }
    }
    return samples;
  }
};

TEST_F(LookOn, MetricsTellWhatHasHappened) {
  Start();
  TestAgent agent(server_->join_line(), "box", 1);
  ASSERT_TRUE(agent.Enrol().ok());
  agent.Attach();
  Submit(2);
  ASSERT_TRUE(agent.CompleteOne(3));
  const v1::Assign second = agent.NextAssign();
  ASSERT_TRUE(agent.Say(MakeStarted(second)));
  ASSERT_TRUE(agent.Say(MakeWindows(second, 5, 6))) << "a gap";
  EXPECT_EQ(agent.NextAck(), 0u);

  const std::string answer = Get("/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  EXPECT_THAT(answer, Not(HasSubstr(agent.secret)));
  EXPECT_THAT(answer, Not(HasSubstr(operator_.secret)));
  auto samples = Samples(answer.substr(answer.find("\r\n\r\n") + 4));
  EXPECT_EQ(samples["rsg_agents{state=\"busy\"}"], 1);
  EXPECT_EQ(samples["rsg_agents{state=\"idle\"}"], 0);
  EXPECT_TRUE(samples.contains("rsg_agents{state=\"revoked\"}"));
  EXPECT_TRUE(samples.contains("rsg_slowed_messages_total"));
  EXPECT_EQ(samples["rsg_jobs{state=\"running\"}"], 1);
  EXPECT_EQ(samples["rsg_jobs{state=\"completed\"}"], 1);
  EXPECT_EQ(samples["rsg_sweeps_live"], 1);
  EXPECT_EQ(samples["rsg_windows_stored_total"], 3);
  EXPECT_EQ(samples["rsg_jobs_ended_total"], 1);
  EXPECT_EQ(samples["rsg_rejected_messages_total{reason=\"gap\"}"], 1);
  EXPECT_EQ(samples["rsg_storing"], 1);
  EXPECT_GE(samples["rsg_ack_latency_seconds_count"], 2);
  EXPECT_EQ(samples["rsg_ack_latency_seconds_bucket{le=\"+Inf\"}"], samples["rsg_ack_latency_seconds_count"]);
  EXPECT_GT(samples["rsg_commit_duration_seconds_sum"], 0);
  EXPECT_GT(samples["process_resident_memory_bytes"], 1e6);
  EXPECT_GT(samples["process_open_fds"], 3);
}

TEST_F(LookOn, FullDiskShowsAndCountersGoOn) {
  Start();
  TestAgent agent(server_->join_line(), "one", 1);
  ASSERT_TRUE(agent.Enrol().ok());
  agent.Attach();
  Submit(1);
  const v1::Assign assign = agent.NextAssign();
  ASSERT_TRUE(agent.Say(MakeStarted(assign)));
  ASSERT_TRUE(agent.Say(MakeWindows(assign, 5, 6))) << "a gap";
  EXPECT_EQ(agent.NextAck(), 0u);
  {
    const FullDisk full;
    TestAgent other(server_->join_line(), "two", 2);
    EXPECT_FALSE(other.Enrol().ok());
    EXPECT_THAT(Get("/healthz"), testing::AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("cannot store")));
    EXPECT_THAT(Get("/metrics"), HasSubstr("\nrsg_storing 0\n"));
  }
  std::string metrics;
  for (int i = 0; i < 100 && metrics.find("\nrsg_storing 1\n") == std::string::npos; ++i) {
    usleep(100'000);
    metrics = Get("/metrics");
  }
  EXPECT_THAT(metrics, HasSubstr("\nrsg_rejected_messages_total{reason=\"gap\"} 1\n")) << "it is no less than before";
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST_F(LookOn, PagesCanOnlyBeRead) {
  Start();
  EXPECT_THAT(Get("/healthz"), testing::AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("\r\n\r\nok\n")));
  EXPECT_THAT(Get("/operator"), testing::AllOf(StartsWith("HTTP/1.1 404"), HasSubstr("/metrics")));
  EXPECT_THAT(Get("/../state/operator"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Exchange("POST /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"),
              StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(Exchange("GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n\r\n"), Not(StartsWith("HTTP/1.1 200")));
  EXPECT_THAT(Exchange("nonsense\r\n\r\n"), Not(StartsWith("HTTP/1.1 200")));
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200")) << "it lives";
}

TEST_F(LookOn, WhoHoldsConnectionsOpenKeepsNobodyElseOut) {
  Start();
  std::vector<int> held;
  for (int i = 0; i < 100; ++i) held.push_back(Dial());  // more than one address may have
  TestAgent agent(server_->join_line(), "box", 1);
  EXPECT_TRUE(agent.Enrol().ok()) << "agents do not notice";
  for (const int fd : held) close(fd);
  std::string answer;
  for (int tries = 0; tries < 100 && answer.empty(); ++tries) answer = Get("/healthz");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
}

TEST_F(LookOn, HttpIsOffUnlessAskedForAndABadAddressIsNamed) {
  ServerOptions options = ServerTest::Options();
  {
    const auto server = Server::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    EXPECT_EQ((*server)->http_address(), "");
  }
  options.http = "nonsense";
  EXPECT_THAT(std::string(Server::Start(options).status().message()), HasSubstr("http: "));
}

TEST(Exposition, EscapesWhatLabelsHold) {
  web::Exposition out;
  out.Gauge("rsg_test", "A test.");
  out.Sample(1.5, {{"label", "a\"b\\c\nd"}});
  EXPECT_EQ(out.text(), "# HELP rsg_test A test.\n# TYPE rsg_test gauge\nrsg_test{label=\"a\\\"b\\\\c\\nd\"} 1.5\n");
}

TEST(Exposition, BucketsAreCumulatedAndTheLastHoldsAll) {
  Durations durations;
  durations.Add(0.0004);
  durations.Add(0.0006);
  durations.Add(100);
  web::Exposition out;
  out.Histogram("rsg_test_seconds", "A test.", durations.Read());
  EXPECT_THAT(out.text(), HasSubstr("_bucket{le=\"0.0005\"} 1\n"));
  EXPECT_THAT(out.text(), HasSubstr("_bucket{le=\"0.001\"} 2\n"));
  EXPECT_THAT(out.text(), HasSubstr("_bucket{le=\"10\"} 2\n"));
  EXPECT_THAT(out.text(), HasSubstr("_bucket{le=\"+Inf\"} 3\n"));
  EXPECT_THAT(out.text(), HasSubstr("rsg_test_seconds_count 3\n"));
}

}  // namespace
}  // namespace rsg::server
