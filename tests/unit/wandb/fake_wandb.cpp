#include "fake_wandb.hpp"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace rsg::wandb {
namespace {

using nlohmann::json;

constexpr std::size_t kRequestsASecond = 10;
constexpr std::size_t kStreamRequestsASecond = 2;

HttpAnswer Ok(const json& body) { return {.status = 200, .body = body.dump(), .retry_after = {}, .error = {}}; }
HttpAnswer Status(int status) {
  return {.status = status, .body = R"({"error":"injected"})", .retry_after = {}, .error = "injected"};
}

// Whether one more now is too many, and notes it when it is not.
bool IsOver(std::deque<double>* times, double now, std::size_t most) {
  while (!times->empty() && times->front() <= now - 1) times->pop_front();
  if (times->size() >= most) return true;
  times->push_back(now);
  return false;
}

std::string RunOf(const HttpRequest& request) {
  const std::vector<std::string> parts = absl::StrSplit(request.address, '/');
  return parts.size() == 6 ? parts[4] : "";
}

}  // namespace

HttpAnswer FakeWandb::Send(const HttpRequest& request) {
  ++requests_;
  ++calls_[request.call];
  if (IsLimited(request)) {
    ++limited_;
    HttpAnswer answer = Status(429);
    answer.retry_after = 1;
    return answer;
  }
  if (always_) return Status(*always_);
  if (!next_.empty()) {
    const int status = next_.front();
    next_.pop_front();
    if (status != 200) return Status(status);
  }
  switch (Draw(request)) {
    case Fault::kDropBefore:
      return Status(0);
    case Fault::kDropAfter:
      Take(request);
      return Status(0);
    case Fault::kTooMany: {
      HttpAnswer answer = Status(429);
      answer.retry_after = 3;
      return answer;
    }
    case Fault::kServerError:
      return Status(502);
    case Fault::kGraphQlError:
      return Ok({{"errors", {{{"message", "An internal error occurred."}}}}, {"data", nullptr}});
    case Fault::kSummaryLost:
      lose_summary_ = true;
      break;
    case Fault::kNone:
      break;
  }
  return Take(request);
}

bool FakeWandb::IsLimited(const HttpRequest& request) {
  if (request.call == Call::kPutFile) return false;  // another machine
  const double now = clock_->Monotonic();
  if (IsOver(&times_, now, kRequestsASecond)) return true;
  const std::string run = RunOf(request);
  const bool stream = request.call == Call::kStream || request.call == Call::kHeartbeat;
  return stream && !run.empty() && IsOver(&stream_times_[run], now, kStreamRequestsASecond);
}

FakeWandb::Fault FakeWandb::Draw(const HttpRequest& request) {
  if (std::uniform_real_distribution<double>(0, 1)(random_) >= probability_) return Fault::kNone;
  const bool stream = request.call == Call::kStream;
  auto fault = static_cast<Fault>(std::uniform_int_distribution<int>(1, 6)(random_));
  if (fault == Fault::kGraphQlError && stream) fault = Fault::kServerError;
  if (fault == Fault::kSummaryLost && (!stream || request.body.find("\"complete\"") == std::string::npos))
    fault = Fault::kDropAfter;
  ++(fault == Fault::kSummaryLost ? lost_ : faults_);
  return fault;
}

HttpAnswer FakeWandb::Take(const HttpRequest& request) {
  if (request.call == Call::kPutFile && storage_broken_) {
    HttpAnswer answer = Status(503);
    answer.retry_after = storage_retry_after_;
    return answer;
  }
  if (request.call == Call::kPutFile) {
    const std::vector<std::string> parts = absl::StrSplit(request.address, '/');
    runs_.at(parts.at(3)).files[parts.at(4)] = request.body;
    return Ok({});
  }
  const json body = json::parse(request.body);
  if (request.address == "/graphql") return TakeGraphQl(body);
  return TakeStream(RunOf(request), body);
}

HttpAnswer FakeWandb::TakeGraphQl(const json& body) {
  const json& variables = body["variables"];
  if (body["operationName"] == "Run") {
    const auto run = runs_.find(variables["name"]);
    if (run == runs_.end()) return Ok({{"data", {{"project", {{"run", nullptr}}}}}});
    const json shown{{"id", "storage of " + run->first},
                     {"name", run->first},
                     {"state", run->second.state},
                     {"summaryMetrics", run->second.summary.is_null() ? json() : json(run->second.summary.dump())}};
    return Ok({{"data", {{"project", {{"run", shown}}}}}});
  }
  if (body["operationName"] == "CreateRunFiles") {
    json files = json::array();
    for (const std::string name : variables["files"])
      files.push_back({{"name", name},
                       {"uploadUrl", absl::StrCat("http://storage/", variables["run"].get<std::string>(), "/", name)}});
    return Ok({{"data", {{"createRunFiles", {{"runID", "x"}, {"uploadHeaders", json::array()}, {"files", files}}}}}});
  }
  if (!variables.contains("name")) {  // a repair
    const std::string name = variables["id"].get<std::string>().substr(11);
    runs_.at(name).summary = json::parse(variables["summaryMetrics"].get<std::string>());
    return Ok({{"data", {{"upsertBucket", {{"bucket", {{"id", variables["id"]}}}}}}}});
  }
  Run& run = runs_[variables["name"]];
  ++run.upserts;
  run.state = "running";
  run.upsert = variables;
  run.project = variables["project"];
  const json entity{{"name", variables["entity"].is_null() ? "me" : variables["entity"]}};
  const json bucket{{"id", "storage of " + variables["name"].get<std::string>()},
                    {"name", variables["name"]},
                    {"project", {{"name", variables["project"]}, {"entity", entity}}}};
  return Ok({{"data", {{"upsertBucket", {{"bucket", bucket}, {"inserted", run.upserts == 1}}}}}});
}

HttpAnswer FakeWandb::TakeStream(const std::string& name, const json& body) {
  const auto found = runs_.find(name);
  if (found == runs_.end()) return Status(404);
  Run& run = found->second;
  if (body.contains("files") && body["files"].contains("wandb-history.jsonl")) {
    const json& file = body["files"]["wandb-history.jsonl"];
    if (file["content"].size() > most_lines_) return Status(413);
    std::size_t at = file["offset"];
    if (at > run.history.size()) violations_.push_back(absl::StrCat(name, ": a gap before line ", at));
    for (const json& line : file["content"]) {
      const std::string text = line;
      if (!json::accept(text)) violations_.push_back(absl::StrCat(name, ": no JSON: ", text));
      if (at < run.history.size() && run.history[at] != text)
        violations_.push_back(absl::StrCat(name, ": another line ", at, ": ", text));
      if (at == run.history.size() && run.state != "running")
        violations_.push_back(absl::StrCat(name, ": line ", at, " after the end"));
      if (at >= run.history.size()) run.history.push_back(text);
      ++at;
    }
  }
  const bool lose =
      std::exchange(lose_summary_, lose_summary_ && !body.contains("complete")) && body.contains("complete");
  if (body.contains("files") && body["files"].contains("wandb-summary.json") && !lose)
    run.summary = json::parse(body["files"]["wandb-summary.json"]["content"][0].get<std::string>());
  if (lose) run.summary = json{{"_step", 0}};
  if (body.contains("uploaded"))
    for (const std::string file : body["uploaded"]) {
      if (!run.files.contains(file)) violations_.push_back(absl::StrCat(file, " was never put"));
      run.uploaded.push_back(file);
    }
  if (body.contains("complete")) run.state = body["exitcode"] == 0 ? "finished" : "failed";
  return Ok(json::object());
}

}  // namespace rsg::wandb
