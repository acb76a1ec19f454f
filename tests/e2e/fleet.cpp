#include "fleet.hpp"

#include <signal.h>
#include <sqlite3.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace rsg::e2e {
namespace fs = std::filesystem;

namespace {

std::string Slurp(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

std::string Program(const std::string& name) { return std::string(RSG_BIN_DIR) + "/" + name; }

void Fleet::SetUp() {
  std::string pattern = (fs::temp_directory_path() / "rsg-e2e-XXXXXX").string();
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  folder_ = pattern;
}

void Fleet::TearDown() {
  if (HasFailure() && coordinator_ != nullptr) std::cerr << "--- coordinator\n" << coordinator_->Log();
  if (HasFailure())
    for (const auto& entry : fs::directory_iterator(folder_))
      if (entry.path().extension() == ".log" && entry.path().stem() != "coordinator")
        std::cerr << "--- " << entry.path().filename() << "\n" << Slurp(entry.path());
  coordinator_.reset();
  fs::remove_all(folder_);
}

void Fleet::StartCoordinator(const std::vector<std::string>& more_flags) {
  std::vector<std::string> command = coordinator_wrapper_;
  command.insert(command.end(), {Program("rsg"), "serve", "--state", state(),                     //
                                 "--listen", address_.empty() ? host_ + ":0" : address_,          //
                                 "--heartbeat", "0.3s", "--lost-after", "2s", "--flush", "0.1s",  //
                                 "--kill-after", "1s", "--reconnect-cap", "0.5s"});
  command.insert(command.end(), more_flags.begin(), more_flags.end());
  const fs::path log = folder_ / "coordinator.log";
  fs::remove(log);
  coordinator_ = std::make_unique<Process>(command, coordinator_environment_, log.string());
  const std::string word = "listening ";
  ASSERT_TRUE(Eventually(20, [&] {
    const std::string text = coordinator_->Log();
    const auto at = text.find(word);
    if (at == std::string::npos || text.find('\n', at) == std::string::npos) return !coordinator_->Running();
    address_ = text.substr(at + word.size(), text.find('\n', at) - at - word.size());
    return true;
  })) << coordinator_->Log();
  ASSERT_TRUE(coordinator_->Running()) << coordinator_->Log();
}

void Fleet::KillCoordinator() {
  coordinator_->Signal(SIGKILL);
  ASSERT_EQ(coordinator_->Wait(5), 128 + SIGKILL);
}

std::unique_ptr<Process> Fleet::StartAgent(const std::string& name, Environment more) {
  more.try_emplace("RSG_JOIN", Slurp(state() / "join"));
  more["RSG_STATE"] = folder_ / name;
  more["RSG_NAME"] = name;
  more.try_emplace("OMP_NUM_THREADS", "1");
  std::vector<std::string> command = agent_wrapper_;
  command.push_back(Program("rsg-agent"));
  return std::make_unique<Process>(command, more, (folder_ / (name + ".log")).string());
}

void Fleet::WaitForAgents(std::size_t count) {
  ASSERT_TRUE(Eventually(30, [&] {
    const Output output = Rsg({"agents", "list", "-o", "json"});
    const auto agents = nlohmann::json::parse(output.out, nullptr, false);
    if (!agents.is_array()) return false;
    std::size_t idle = 0;
    for (const auto& agent : agents) idle += agent.value("state", "") == "IDLE" ? 1 : 0;
    return idle >= count;
  })) << "agents did not attach";
}

Output Fleet::Rsg(std::vector<std::string> arguments, double seconds) {
  arguments.insert(arguments.begin(), Program("rsg"));
  return RunCommand(arguments, {{"RSG_OPERATOR", Slurp(state() / "operator")}, {"HOME", folder_}}, seconds);
}

nlohmann::json Fleet::RsgJson(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"-o", "json"});
  const Output output = Rsg(arguments);
  EXPECT_EQ(output.exit_code, 0) << output.err;
  return nlohmann::json::parse(output.out, nullptr, false);
}

std::string Fleet::Submit(const std::vector<std::string>& flags) {
  std::vector<std::string> arguments{"sweep", "submit", "--no-control"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const auto reply = RsgJson(arguments);
  return reply.is_object() ? reply.value("sweep_id", "") : "";
}

std::string Fleet::WaitForSweep(const std::string& sweep, double seconds) {
  std::string state;
  Eventually(seconds, [&] {
    state = SqlValue("SELECT state FROM sweeps WHERE sweep = " + sweep.substr(1));
    return state == "COMPLETED" || state == "CANCELLED";
  });
  return state;
}

std::vector<std::vector<std::string>> Fleet::Sql(const std::string& query) {
  std::vector<std::vector<std::string>> rows;
  sqlite3* database = nullptr;
  const std::string path = state() / "rsg.db";
  if (sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK) {
    sqlite3_busy_timeout(database, 2000);
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(database, query.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database) << " in " << query;
    while (statement != nullptr && sqlite3_step(statement) == SQLITE_ROW) {
      std::vector<std::string> row;
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
        row.push_back(text != nullptr ? text : "");
      }
      rows.push_back(std::move(row));
    }
    sqlite3_finalize(statement);
  }
  sqlite3_close(database);
  return rows;
}

std::string Fleet::SqlValue(const std::string& query) {
  const auto rows = Sql(query);
  return rows.empty() || rows[0].empty() ? "" : rows[0][0];
}

pid_t Fleet::WaitForTrainer(const Process& agent) {
  const auto windows = [&] { return std::atoi(SqlValue("SELECT count(*) FROM windows").c_str()); };
  const int before = windows();
  pid_t trainer = 0;
  EXPECT_TRUE(Eventually(30, [&] {
    const auto children = ChildrenOf(agent.pid());
    trainer = children.empty() ? 0 : children[0];
    return trainer != 0 && windows() > before;
  })) << "no trainer of the agent stored a window";
  return trainer;
}

void Fleet::ExpectNothingLostOrDoubled(const std::string& sweep) {
  const std::string of_sweep = " WHERE sweep = " + sweep.substr(1);
  EXPECT_EQ(SqlValue("SELECT count(*) FROM jobs" + of_sweep + " AND state != 'ENDED'"), "0");
  EXPECT_EQ(SqlValue("SELECT count(*) FROM (SELECT job, count(*) AS n FROM results" + of_sweep +
                     " GROUP BY job HAVING n != 1)"),
            "0");
  EXPECT_EQ(SqlValue("SELECT count(*) FROM (SELECT count(*) AS n, min(sequence) AS first, max(sequence) AS last "
                     "FROM windows" +
                     of_sweep + " GROUP BY job, attempt HAVING first != 1 OR last != n)"),
            "0")
      << "a window is missing or stored twice";
  // Every window that was acked is stored: the attempt's own count of acked windows equals what stands in the table.
  EXPECT_EQ(SqlValue("SELECT count(*) FROM attempts a" + of_sweep +
                     " AND last_sequence != (SELECT count(*) FROM windows w WHERE w.sweep = a.sweep AND w.job = a.job "
                     "AND w.attempt = a.attempt)"),
            "0");
}

}  // namespace rsg::e2e
