#include "load_coordinator.hpp"

#include <netinet/in.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace rsg::bench {
namespace {

namespace fs = std::filesystem;

std::string Slurp(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

void Require(bool good, const std::string& why) {
  if (!good) throw Failure{why};
}

Coordinator::Coordinator(const std::string& rsg) : rsg_(rsg) {
  std::string pattern = (fs::temp_directory_path() / "rsg-load-XXXXXX").string();
  Require(mkdtemp(pattern.data()) != nullptr, "cannot make a temporary folder");
  folder_ = pattern;
  process_ = std::make_unique<e2e::Process>(
      std::vector<std::string>{rsg_, "serve", "--listen", "127.0.0.1:0", "--state", folder_ / "state",  //
                               "--lost-after", "15s", "--heartbeat", "5s", "--reconnect-cap", "2s", "--http",
                               "127.0.0.1:0"},
      e2e::Environment{{"WANDB_MODE", "disabled"}}, folder_ / "log");
  Require(e2e::Eventually(30, [&] { return process_->Log().find("join line") != std::string::npos; }),
          "rsg serve does not start: " + process_->Log());
  const std::string log = process_->Log();
  port_ = std::stoi(log.substr(log.find(':') + 1));
  const std::string http = log.substr(log.find("\nhttp ") + 1);
  http_port_ = std::stoi(http.substr(http.find(':') + 1));
}

Coordinator::~Coordinator() {
  process_.reset();
  std::error_code none;
  fs::remove_all(folder_, none);
}

std::string Coordinator::Rsg(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), rsg_);
  const auto output = e2e::RunCommand(arguments, {{"RSG_OPERATOR", Slurp(folder_ / "state" / "operator")}}, 60);
  Require(output.exit_code == 0, "rsg " + arguments[1] + " " + arguments[2] + ": " + output.err);
  return output.out;
}

std::int64_t Coordinator::Sql(const std::string& query) const {
  sqlite3* database = nullptr;
  sqlite3_stmt* statement = nullptr;
  const std::string path = folder_ / "state" / "rsg.db";
  sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr);
  sqlite3_busy_timeout(database, 10'000);
  const bool good = sqlite3_prepare_v2(database, query.c_str(), -1, &statement, nullptr) == SQLITE_OK &&
                    sqlite3_step(statement) == SQLITE_ROW;
  const std::int64_t value = good ? sqlite3_column_int64(statement, 0) : -1;
  const std::string error = sqlite3_errmsg(database);
  sqlite3_finalize(statement);
  sqlite3_close(database);
  Require(good, query + ": " + error);
  return value;
}

bool Coordinator::AllOnce(int jobs) const {
  bool good = true;
  const auto expect = [&](const char* what, const std::string& query, std::int64_t wanted) {
    const auto found = Sql(query);
    if (found == wanted) return;
    std::printf("WRONG: %s: %ld, not %ld\n", what, static_cast<long>(found), static_cast<long>(wanted));
    good = false;
  };
  expect("results", "SELECT count(*) FROM results", jobs);
  expect("jobs with a result", "SELECT count(*) FROM (SELECT DISTINCT sweep, job FROM results)", jobs);
  expect("jobs that ended otherwise", "SELECT count(*) FROM jobs WHERE outcome <> 'COMPLETED'", 0);
  expect("attempts with a gap or a double",
         "SELECT count(*) FROM (SELECT count(*) AS n, min(sequence) AS first, max(sequence) AS last FROM windows "
         "GROUP BY sweep, job, attempt HAVING first <> 1 OR last <> n)",
         0);
  expect("attempts whose acked windows are not stored",
         "SELECT count(*) FROM attempts a WHERE last_sequence <> (SELECT count(*) FROM windows w WHERE "
         "w.sweep = a.sweep AND w.job = a.job AND w.attempt = a.attempt)",
         0);
  if (good) std::printf("all %d results and all their windows are stored once\n", jobs);
  return good;
}

double Coordinator::StatusMib(const std::string& key) const {
  std::ifstream status("/proc/" + std::to_string(process_->pid()) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind(key + ":", 0) == 0) return std::stod(line.substr(key.size() + 1)) / 1024;
  return 0;
}

double Coordinator::CpuSeconds() const {
  const std::string stat = Slurp("/proc/" + std::to_string(process_->pid()) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double Coordinator::Bucket(const std::string& histogram, double share) const {
  const std::string metrics = Get("/metrics");
  std::vector<std::pair<double, double>> buckets;  // bound, how many are not above it
  const std::string head = "\n" + histogram + "_bucket{le=\"";
  for (auto at = metrics.find(head); at != std::string::npos; at = metrics.find(head, at + 1)) {
    const char* bound = metrics.c_str() + at + head.size();
    const char* count = std::strchr(bound, '}');
    buckets.emplace_back(std::strtod(bound, nullptr), count == nullptr ? 0 : std::strtod(count + 1, nullptr));
  }
  for (const auto& [bound, count] : buckets)
    if (count >= share * buckets.back().second) return bound;
  return 0;
}

std::string Coordinator::Get(const std::string& path) const {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(http_port_));
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
    char buffer[16384];
    for (ssize_t got = 0; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;)
      answer.append(buffer, static_cast<std::size_t>(got));
  }
  close(fd);
  return answer;
}

}  // namespace rsg::bench
