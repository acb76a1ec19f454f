// Whatever W&B answers, an answer is taken for one of the known things, what is said of it fits a terminal, waiting has
// an end, lines go out in sequence, and when W&B answers well again each run ends: done, or kept as stuck.
#include <spdlog/spdlog.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "fake_wandb.hpp"
#include "input.hpp"
#include "samples.hpp"

namespace rsg::wandb {
namespace {

using nlohmann::json;
using schedule::WandbPhase;

constexpr double kMostWait = 3600;
constexpr std::size_t kMostMade = 128 << 10;  // bytes an input; http.cpp takes 4 MiB an answer, which takes long
constexpr std::size_t kMostWords = 600;       // of a verdict
constexpr std::size_t kMostError = 4 << 10;
constexpr int kMostAnswers = 60;  // that are the fuzzer's
constexpr int kMostSteps = 100'000;
constexpr std::int64_t kJobs = 2;

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

// A fuzzer makes nothing that is long or deep by itself. What is opened is closed, and with `counted` each piece is
// another one. At most `most` bytes.
std::string Repeated(fuzz::Input& input, std::size_t most) {
  std::string text(input.Piece());
  const std::string piece(input.Piece());
  const std::size_t times = input.Byte() + std::size_t{256} * input.Byte();
  const bool counted = input.Byte() % 2 == 1;
  for (std::size_t i = 0; i < times && text.size() < most; ++i) {
    text += piece;
    if (counted) absl::StrAppend(&text, i);
  }
  text += input.Piece();
  const std::string closing(input.Piece());
  for (std::size_t i = 0; i < times && text.size() < most; ++i) text += closing;
  return text.substr(0, most);
}

std::string JsonText(const std::string& text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

// `text` where an answer to that call is looked into.
std::string InPlace(Call call, const std::string& text, int place) {
  const std::string quoted = JsonText(text);
  switch (call) {
    case Call::kUpsert:
      if (place == 0) return absl::StrCat(R"({"data":{"upsertBucket":{"bucket":)", text, "}}}");
      return absl::StrCat(R"({"data":{"upsertBucket":{"bucket":{"id":)", quoted, R"(,"project":{"name":)", quoted,
                          R"(,"entity":{"name":)", quoted, "}}}}}}");
    case Call::kRead:
      if (place == 0) return absl::StrCat(R"({"data":{"project":{"run":)", text, "}}}");
      return absl::StrCat(R"({"data":{"project":{"run":{"state":)", place == 1 ? quoted : R"("finished")",
                          R"(,"summaryMetrics":)", quoted, "}}}}");
    case Call::kCreateFiles: {
      if (place == 0) return absl::StrCat(R"({"data":{"createRunFiles":)", text, "}}");
      const std::string address = place == 1 ? R"("http://storage/a")" : quoted;
      return absl::StrCat(R"({"data":{"createRunFiles":{"uploadHeaders":[)", place == 1 ? quoted : "",
                          R"(],"files":[{"name":"cpu-info.txt","uploadUrl":)", address,
                          R"(},{"name":"gpu-info.txt","uploadUrl":)", address, "}]}}}");
    }
    default:
      return absl::StrCat(R"({"errors":[{"message":)", quoted, "}]}");
  }
}

/// W&B: each request is answered as the input says, and at its end well.
class Answers final : public Transport {
 public:
  explicit Answers(fuzz::Input* input) : input_(input) {}

  HttpAnswer Send(const HttpRequest& request) override {
    ++requests_;
    CheckRequest(request);
    const bool drawn = !input_->empty() && requests_ <= kMostAnswers && (!awaited_ || awaited_ == request.call);
    const HttpAnswer answer = drawn ? Draw(request) : Good(request);
    const Verdict verdict = Judge(request.call, answer);
    CheckVerdict(request.call, answer, verdict);
    if (verdict.kind == Verdict::Kind::kOk) {
      CheckParsed(request.call, answer.body);
      Take(request);
    }
    return answer;
  }
  int requests() const { return requests_; }

 private:
  /// What W&B has of a run.
  struct Taken {
    std::size_t lines = 0;
    std::string summary = "{}";
    std::string state = "running";
  };

  // Of /files/ENTITY/PROJECT/RUN/file_stream.
  static std::string RunOf(const HttpRequest& request) {
    const std::vector<std::string> parts = absl::StrSplit(request.address, '/');
    fuzz::Insist(parts.size() == 6 && parts[1] == "files" && parts[5] == "file_stream");
    return parts[4];
  }

  void CheckRequest(const HttpRequest& request) {
    fuzz::Insist(IsPrintable(request.address) && request.address.find(' ') == std::string::npos);
    for (const std::string& header : request.headers)
      for (const unsigned char c : header) fuzz::Insist(c >= 0x20 && c != 0x7F);
    if (request.call == Call::kPutFile)
      return fuzz::Insist(request.address.starts_with("http://") || request.address.starts_with("https://"));
    fuzz::Insist(request.address.starts_with("/") && request.address.size() < 16 << 10 && request.headers.empty());
    const json body = json::parse(request.body, nullptr, false);
    fuzz::Insist(body.is_object());
    if (request.call != Call::kStream) return;
    if (!body.contains("files") || !body["files"].contains("wandb-history.jsonl")) return;
    const json& history = body["files"]["wandb-history.jsonl"];
    fuzz::Insist(history["offset"] == runs_[RunOf(request)].lines && !history["content"].empty());
    for (const json& line : history["content"]) fuzz::Insist(json::accept(line.get<std::string>()));
  }

  static void CheckVerdict(Call call, const HttpAnswer& answer, const Verdict& verdict) {
    using Kind = Verdict::Kind;
    fuzz::Insist(verdict.kind >= Kind::kOk && verdict.kind <= Kind::kStuck);
    fuzz::Insist(verdict.why.size() <= kMostWords && IsPrintable(verdict.why));
    fuzz::Insist(verdict.why.empty() == (verdict.kind == Kind::kOk));
    if (verdict.kind == Kind::kOk) fuzz::Insist(answer.status >= 200 && answer.status < 300);
    if (verdict.kind == Kind::kTooLarge) fuzz::Insist(call == Call::kStream && answer.status == 413);
    // What passes by itself needs no person, and the storage is no reason to stop everything.
    if (verdict.kind == Kind::kPause) fuzz::Insist(answer.status < 500 && call != Call::kPutFile);
    for (const unsigned failures : {0U, 1U, 7U, 1000U}) {
      const double wait = Backoff(failures, answer.retry_after, {});
      fuzz::Insist(wait >= 0 && wait <= kMostWait && wait >= std::min(answer.retry_after.value_or(0), kMostWait));
    }
  }

  // What is stored, shown, or sent because of it.
  static void CheckParsed(Call call, const std::string& body) {
    if (call == Call::kUpsert) {
      const auto answer = ParseUpsert(body);
      if (!answer.ok()) return;
      for (const std::string& name : {answer->storage_id, answer->entity, answer->project})
        fuzz::Insist(!name.empty() && name.size() <= 1024);
    }
    if (call == Call::kRead) {
      const auto answer = ParseRead(body, Line{.fields = {{"throughput", 1.0}}});
      if (!answer.ok()) return;
      fuzz::Insist(answer->state.size() <= 64 && IsPrintable(answer->state));
      const json repaired = json::parse(answer->repaired, nullptr, false);
      fuzz::Insist(repaired.is_object() && repaired.contains("throughput") && repaired.contains("_step"));
    }
    if (call == Call::kCreateFiles) {
      const auto puts = ParseCreateFiles(body, {{"cpu-info.txt", "text"}, {"gpu-info.txt", "text"}});
      if (puts.ok()) fuzz::Insist(puts->size() == 2 && puts->front().headers.size() <= 64);
    }
  }

  std::string Made() {
    std::string text = Repeated(*input_, kMostMade - made_);
    made_ += text.size();
    return text;
  }

  HttpAnswer Draw(const HttpRequest& request) {
    constexpr int kStatuses[] = {0,   200, 201, 302, 400, 401, 403, 404, 408, 409, 410,
                                 413, 422, 425, 429, 500, 501, 502, 503, 100, 999, -7};
    constexpr int kCalls = static_cast<int>(Call::kRepair) + 1;
    awaited_.reset();
    HttpAnswer answer;
    answer.status = 200;
    switch (input_->Byte() % 8) {
      case 1:
        answer.status = kStatuses[input_->Byte() % std::size(kStatuses)];
        answer.body = input_->Piece();
        answer.error = answer.body;
        break;
      case 2:
        answer.body = input_->Piece();
        break;
      case 3:
        answer.body = Made();
        break;
      case 4: {
        const int place = input_->Byte() % 3;
        answer.body = InPlace(request.call, std::string(input_->Piece()), place);
        break;
      }
      case 5: {
        const int place = input_->Byte() % 3;
        answer.body = InPlace(request.call, Made(), place);
        break;
      }
      case 6:
        // All is well until that is asked.
        awaited_ = static_cast<Call>(input_->Byte() % kCalls);
        return Good(request);
      default:
        return Good(request);
    }
    // Whole seconds, as libcurl reads them.
    if (const int wait = input_->Byte() % 64; wait > 0) answer.retry_after = std::ldexp(1.0, wait - 1);
    return answer;
  }

  HttpAnswer Good(const HttpRequest& request) {
    HttpAnswer answer;
    answer.status = 200;
    answer.body = "{}";
    switch (request.call) {
      case Call::kUpsert:
        answer.body = InPlace(Call::kUpsert, R"({"id":"UnVu","project":{"name":"p","entity":{"name":"e"}}})", 0);
        break;
      case Call::kCreateFiles:
        answer.body = InPlace(Call::kCreateFiles, R"({"uploadHeaders":["X-A:1"],"files":[
            {"name":"cpu-info.txt","uploadUrl":"http://storage/c"},{"name":"gpu-info.txt","uploadUrl":"http://storage/g"}]})",
                              0);
        break;
      case Call::kRead: {
        const Taken& run = runs_[json::parse(request.body)["variables"]["name"]];
        answer.body = InPlace(
            Call::kRead,
            absl::StrCat(R"({"state":)", JsonText(run.state), R"(,"summaryMetrics":)", JsonText(run.summary), "}"), 0);
        break;
      }
      default:
        break;
    }
    return answer;
  }

  void Take(const HttpRequest& request) {
    if (request.call == Call::kRead) read_ = json::parse(request.body)["variables"]["name"];
    if (request.call == Call::kRepair) runs_[read_].summary = json::parse(request.body)["variables"]["summaryMetrics"];
    if (request.call != Call::kStream) return;
    const json body = json::parse(request.body);
    Taken& run = runs_[RunOf(request)];
    if (body.contains("files") && body["files"].contains("wandb-history.jsonl"))
      run.lines += body["files"]["wandb-history.jsonl"]["content"].size();
    if (body.contains("files") && body["files"].contains("wandb-summary.json"))
      run.summary = body["files"]["wandb-summary.json"]["content"][0];
    if (body.contains("complete")) run.state = body["exitcode"] == 0 ? "finished" : "failed";
  }

  fuzz::Input* const input_;
  int requests_ = 0;
  std::size_t made_ = 0;         // bytes by Repeated
  std::optional<Call> awaited_;  // the next request that is not answered well
  std::map<std::string, Taken> runs_;
  std::string read_;  // the run that was read back last: what is mended is that one's
};

bool IsOver(MemoryOutbox& outbox) {
  for (std::int64_t job = 1; job <= kJobs; ++job) {
    const schedule::WandbRun& run = outbox.at(job).run;
    fuzz::Insist(run.error.size() <= kMostError && IsPrintable(run.error));
    fuzz::Insist(run.lines_sent <= outbox.at(job).lines);
    if (run.phase != WandbPhase::kDone && run.phase != WandbPhase::kStuck) return false;
  }
  return true;
}

void Forward(fuzz::Input& input) {
  TestClock clock;
  MemoryOutbox outbox;
  for (std::int64_t job = 1; job <= kJobs; ++job) {
    store::RunContent run = RunOf(job);
    if (job == 1) run.cpu_info.assign(1000, 'c');
    if (job == 1) run.gpu_info.assign(1000, 'g');
    AddAttempt(&run, 4, job == 1 ? v1::OUTCOME_COMPLETED : v1::OUTCOME_OUT_OF_MEMORY);
    outbox.Put(run);
  }
  Answers wandb(&input);
  Forwarder::Options options;
  options.target.project = "p";
  options.pace.most_lines = 3;
  options.pace.last_backoff = 4;  // it looks around once a second meanwhile, which takes time
  Forwarder forwarder(options, &outbox, &wandb, &clock);
  int steps = 0;
  for (; steps < kMostSteps && !IsOver(outbox); ++steps) {
    const bool paused = forwarder.status().paused;
    const int before = wandb.requests();
    const double wait = forwarder.Run();
    fuzz::Insist(wait >= 0 && wait <= kMostWait + 1);
    if (paused) fuzz::Insist(wandb.requests() == before);
    if (paused) forwarder.Retry();  // a person has seen to it
    const std::string error = forwarder.status().last_error;
    fuzz::Insist(error.size() <= kMostError && IsPrintable(error));
    clock.Advance(std::max(wait, 1e-3));
  }
  fuzz::Insist(steps < kMostSteps);
}

}  // namespace
}  // namespace rsg::wandb

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  spdlog::set_level(spdlog::level::off);
  rsg::fuzz::Input input(data, size);
  rsg::wandb::Forward(input);
  return 0;
}
