#include "fixture.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/json.hpp"

namespace rsg::store {

using schedule::AgentRecord;
using schedule::AttemptKey;
using schedule::AttemptRecord;
using schedule::JobRecord;
using schedule::SweepRecord;
using schedule::TokenRecord;

TokenRecord TokenOf(const std::string& id) {
  TokenRecord token;
  token.token_id = id;
  token.token_sha256 = "hash of token " + id;
  token.uses_left = 63;
  token.expires_unix = 1800000000.25;
  return token;
}

AgentRecord AgentOf(const std::string& id) {
  AgentRecord agent;
  agent.agent_id = id;
  agent.name = "name of " + id;
  agent.credential_sha256 = "hash of credential " + id;
  agent.token_id = "t-1";
  agent.instance_id = "instance 1";
  agent.agent_version = "0.1.0";
  agent.machine.set_hostname("host");
  agent.machine.set_memory_mib(24576);
  auto* device = agent.machine.add_devices();
  device->set_id("GPU-1");
  device->set_kind(v1::DEVICE_KIND_GPU);
  device->set_name("NVIDIA GeForce RTX 3090");
  device->add_precisions(v1::PRECISION_FP32_STRICT);
  agent.enrolled_unix = 1700000000.5;
  agent.last_seen_unix = 1700000100.125;
  return agent;
}

SweepRecord SweepOf(std::int64_t number) {
  SweepRecord sweep;
  sweep.sweep = number;
  sweep.request_id = absl::StrCat("request ", number);
  sweep.spec.set_name("a name with 'quotes' and Umlaut ä");
  sweep.spec.add_models("resnet18");
  sweep.spec.add_models("resnet50");
  for (const unsigned size : {8U, 16U, 32U}) sweep.spec.add_batch_sizes(size);
  sweep.spec.add_precisions(v1::PRECISION_FP32);
  sweep.spec.add_precisions(v1::PRECISION_FP32_STRICT);
  sweep.spec.set_repeats(2);
  sweep.spec.mutable_limits()->set_seconds(30);
  sweep.state = v1::SWEEP_STATE_RUNNING;
  sweep.device_kind = v1::DEVICE_KIND_GPU;
  sweep.submitted_unix = 1700000000.75;
  return sweep;
}

JobRecord JobOf(std::int64_t sweep, std::int64_t job) {
  JobRecord record;
  record.key = {sweep, job};
  record.cell.set_model("resnet50");
  record.cell.set_batch_size(64);
  record.cell.set_image_size(224);
  record.cell.set_precision(v1::PRECISION_FP32_STRICT);
  record.cell.set_memory_format(v1::MEMORY_FORMAT_NHWC);
  record.cell.set_mode(v1::MODE_STANDARD);
  record.repeat = 2;
  record.device_id = "GPU-1";
  record.device_name = "NVIDIA GeForce RTX 3090";
  record.machine_id = "machine 1";
  record.state = v1::JOB_STATE_QUEUED;
  return record;
}

AttemptRecord AttemptOf(const AttemptKey& key) {
  AttemptRecord attempt;
  attempt.key = key;
  attempt.lease_token = kLease;
  attempt.agent_id = "a-1";
  attempt.instance_id = "instance 1";
  attempt.state = v1::JOB_STATE_ASSIGNED;
  attempt.assigned_unix = 1700000001.5;
  return attempt;
}

std::vector<v1::Window> WindowsOf(std::uint32_t first, std::uint32_t last) {
  std::vector<v1::Window> windows;
  for (auto sequence = first; sequence <= last; ++sequence) {
    auto& window = windows.emplace_back();
    window.set_sequence(sequence);
    window.set_steps(4);
    window.set_samples(256);
    window.set_seconds(0.5 + 0.001 * sequence);
    window.set_wall_seconds(0.51);
    window.set_start_seconds(0.5 * sequence);
    window.set_warm_up(sequence == 1);
  }
  return windows;
}

std::vector<v1::Window> MeasuredWindows(double throughput) {
  std::vector<v1::Window> windows = WindowsOf(1, 60);
  double start = 0;
  for (v1::Window& window : windows) {
    window.set_seconds(window.samples() / throughput);
    window.set_wall_seconds(window.seconds());
    window.set_start_seconds(start);
    window.set_warm_up(false);
    start += window.seconds();
  }
  return windows;
}

v1::Result ResultOf(double throughput) {
  v1::Result result;
  result.set_throughput(throughput);
  result.set_windows(60);
  result.set_steps(240);
  result.set_samples(15360);
  result.set_seconds(15360 / throughput);
  result.set_wall_seconds(31);
  result.set_warm_up_seconds(3);
  result.set_window_cv(0.012);
  result.set_stop_reason(v1::STOP_REASON_N_BATCHES);
  result.set_peak_memory_mib(7000);
  result.set_final_loss(6.9);
  result.mutable_stack()->set_trainer_version("0.1.0");
  result.mutable_stack()->set_torch_version("2.11.0");
  result.mutable_stack()->set_cuda_version("13.0");
  result.mutable_flags()->set_optimizer("sgd (foreach)");
  result.set_ci_low(throughput * 0.99);
  result.set_ci_high(throughput * 1.01);
  result.set_verdict(v1::VERDICT_VALID);
  result.set_evidence("steady; no slowdown");
  result.set_drained_share(0.125);
  result.mutable_physics()->set_share_of_peak(0.5);
  result.mutable_keys()->set_method("1111111111111111");
  result.mutable_keys()->set_stack("2222222222222222");
  result.mutable_keys()->set_machine("3333333333333333");
  return result;
}

schedule::EndAttempt EndOf(const AttemptKey& key, v1::Outcome outcome, std::optional<v1::Result> result) {
  schedule::EndAttempt end;
  end.key = key;
  end.lease_token = kLease;
  end.outcome = outcome;
  end.result = std::move(result);
  end.runtime_seconds = 33.5;
  end.ended_unix = 1700000040.5;
  end.elapsed_seconds = 3600;
  return end;
}

JobRecord EndedJob(JobRecord job, v1::Outcome outcome) {
  job.state = v1::JOB_STATE_ENDED;
  job.outcome = outcome;
  job.ended_unix = 1700000041.5;
  return job;
}

Changes BaseChanges() {
  return {schedule::PutToken{TokenOf("t-1")}, schedule::PutAgent{AgentOf("a-1")},
          schedule::PutSweep{SweepOf(1)},     schedule::PutJob{JobOf(1, 1)},
          schedule::PutJob{JobOf(1, 2)},      schedule::InsertAttempt{AttemptOf({{1, 1}, 1})}};
}

Changes CompletedJob(JobRecord job, double throughput) {
  const AttemptKey key{job.key, 1};
  auto ended = EndedJob(job, v1::OUTCOME_COMPLETED);
  ended.attempts = 1;
  return {schedule::PutJob{std::move(job)}, schedule::InsertAttempt{AttemptOf(key)},
          schedule::AppendWindows{key, kLease, MeasuredWindows(throughput)},
          EndOf(key, v1::OUTCOME_COMPLETED, ResultOf(throughput)), schedule::PutJob{std::move(ended)}};
}

namespace {

std::string Seconds(const std::optional<double>& value) { return value ? absl::StrCat(*value) : "none"; }

template <typename Record>
std::string Lines(const std::vector<Record>& records) {
  return absl::StrJoin(records, "\n", [](std::string* out, const Record& record) { *out += Text(record); });
}

}  // namespace

std::string Text(const SweepRecord& sweep) {
  return absl::StrCat("sweep ", sweep.sweep, " ", sweep.request_id, " ", ToJson(sweep.spec), " ", sweep.state, " ",
                      sweep.device_kind, " ", sweep.submitted_unix, " ", Seconds(sweep.ended_unix));
}

std::string Text(const JobRecord& job) {
  return absl::StrCat(absl::StrCat("job ", Id(job.key), " ", ToJson(job.cell), " ", job.repeat, " ", job.device_id, " ",
                                   job.device_name, " ", job.machine_id),
                      " ",
                      absl::StrCat(job.state, " ", job.outcome, " ", job.reason, " ", job.attempts, " ", job.losses,
                                   " ", job.failures, " ", Seconds(job.ended_unix), " ", job.role, " ",
                                   job.gave_slot_away));
}

std::string Text(const AttemptRecord& attempt) {
  return absl::StrCat(
      absl::StrCat("attempt ", Id(attempt.key), " ", attempt.lease_token, " ", attempt.agent_id, " ",
                   attempt.instance_id, " ", attempt.state, " ", attempt.outcome, " ", attempt.last_sequence),
      " ",
      absl::StrCat(attempt.assigned_unix, " ", Seconds(attempt.started_unix), " ", Seconds(attempt.ended_unix), " ",
                   attempt.runtime_seconds, " ", attempt.error, " ", attempt.log_tail));
}

std::string Text(const AgentRecord& agent) {
  return absl::StrCat(
      absl::StrCat("agent ", agent.agent_id, " ", agent.name, " ", agent.credential_sha256, " ", agent.token_id, " ",
                   agent.instance_id, " ", agent.agent_version),
      " ",
      absl::StrCat(ToJson(agent.machine), " ", agent.draining, " ", agent.enrolled_unix, " ", agent.last_seen_unix));
}

std::string Text(const TokenRecord& token) {
  return absl::StrCat("token ", token.token_id, " ", token.token_sha256, " ", token.uses_left, " ", token.expires_unix,
                      " ", token.revoked);
}

std::string Text(const schedule::Snapshot& snapshot) {
  return absl::StrCat("last sweep ", snapshot.last_sweep, "\n", Lines(snapshot.tokens), "\n", Lines(snapshot.agents),
                      "\n") +
         absl::StrCat(Lines(snapshot.sweeps), "\n", Lines(snapshot.jobs), "\n", Lines(snapshot.attempts));
}

std::string InChild(const std::function<std::string()>& body) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    const std::string answer = body();
    [[maybe_unused]] const auto written = write(ends[1], answer.data(), answer.size());
    _exit(0);
  }
  close(ends[1]);
  std::string answer;
  char buffer[4096];
  for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;) answer.append(buffer, got);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) absl::StrAppend(&answer, "; the child ended with wait status ", status);
  return answer;
}

StoreTest::StoreTest() {
  std::string name = (std::filesystem::temp_directory_path() / "rsg-store-XXXXXX").string();
  folder_ = mkdtemp(name.data());
  database_ = folder_ / "rsg.db";
}

StoreTest::~StoreTest() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::unique_ptr<Store> StoreTest::OpenStore() {
  auto store = Store::Open(database_);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

std::unique_ptr<Reader> StoreTest::OpenReader() {
  auto reader = Reader::Open(database_);
  EXPECT_TRUE(reader.ok()) << reader.status();
  return reader.ok() ? *std::move(reader) : nullptr;
}

std::vector<std::string> StoreTest::Ask(const std::string& sql) {
  std::vector<std::string> rows;
  auto connection = Connection::Open(database_, Connection::Access::kRead);
  EXPECT_TRUE(connection.ok()) << connection.status();
  if (!connection.ok()) return rows;
  auto statement = connection->Prepare(sql);
  EXPECT_TRUE(statement.ok()) << statement.status();
  if (!statement.ok()) return rows;
  while (true) {
    const auto row = statement->Step();
    EXPECT_TRUE(row.ok()) << row.status();
    if (!row.ok() || !*row) return rows;
    std::vector<std::string> cells;
    for (int i = 0; i < statement->columns(); ++i) {
      cells.push_back(statement->IsNull(i) ? "NULL" : std::string(statement->Text(i)));
    }
    rows.push_back(absl::StrJoin(cells, "|"));
  }
}

std::string StoreTest::AskOne(const std::string& sql) {
  const auto rows = Ask(sql);
  return rows.empty() ? "no row" : rows.front();
}

}  // namespace rsg::store
