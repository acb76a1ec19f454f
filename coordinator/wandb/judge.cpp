// What W&B's answers mean. As its own client: 408, 429 and 5xx are tried again, 400 401 403 404 409 410 413 422 501 are
// not, but for a 409 of UpsertBucket.
#include <fmt/format.h>

#include <algorithm>

#include "coordinator/wandb/answers.hpp"
#include "coordinator/wandb/wire.hpp"

namespace rsg::wandb {
namespace {

using Kind = Verdict::Kind;

constexpr std::size_t kMostWords = 200;

bool IsGraphQl(Call call) {
  return call == Call::kUpsert || call == Call::kCreateFiles || call == Call::kRead || call == Call::kRepair;
}

const char* NameOf(Call call) {
  switch (call) {
    case Call::kUpsert:
      return "making the run known";
    case Call::kStream:
      return "sending lines";
    case Call::kHeartbeat:
      return "a heartbeat";
    case Call::kCreateFiles:
    case Call::kPutFile:
      return "sending a file";
    case Call::kRead:
      return "reading the run back";
    case Call::kRepair:
      return "mending the summary";
  }
  return "";
}

// The first error's text of a GraphQL answer; nothing without errors.
std::optional<std::string> FirstError(const AnswerJson& body) {
  if (!body.is_object() || !body.contains("errors")) return std::nullopt;
  const AnswerJson& errors = body["errors"];
  if (!errors.is_array() || errors.empty()) return std::nullopt;
  const AnswerJson& first = errors.front();
  if (first.is_object() && first.contains("message") && first["message"].is_string())
    return first["message"].get<std::string>();
  return "an error without words";
}

// W&B's own words, if it has any, else the start of what came.
std::string WordsOf(const HttpAnswer& answer) {
  const AnswerJson body = ParseAnswer(answer.body);
  if (const auto error = FirstError(body)) return Quoted(*error, kMostWords);
  if (body.is_object() && body.contains("error") && body["error"].is_string())
    return Quoted(body["error"].get<std::string>(), kMostWords);
  return Quoted(answer.body, kMostWords);
}

// What an error about rights is about, the key or where it is to write; kRetry: it is about something else.
Kind KindOfRights(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* word : {"unauthenticated", "api key"})
    if (text.find(word) != std::string::npos) return Kind::kPause;
  for (const char* word : {"permission", "unauthorized", "not authorized", "forbidden"})
    if (text.find(word) != std::string::npos) return Kind::kNoPlace;
  return Kind::kRetry;
}

Verdict JudgeGraphQl(Call call, const HttpAnswer& answer) {
  const AnswerJson body = ParseAnswer(answer.body);
  if (!body.is_object())
    return {Kind::kRetry, fmt::format("{}: the answer is no JSON; is WANDB_BASE_URL right?", NameOf(call))};
  const auto error = FirstError(body);
  if (!error) return {};
  const std::string why = fmt::format("{}: W&B says: {}", NameOf(call), Quoted(*error, kMostWords));
  const Kind kind = KindOfRights(*error);
  return {kind, kind == Kind::kPause ? why + "; check the key" : why};
}

}  // namespace

Verdict Judge(Call call, const HttpAnswer& answer) {
  const std::string what = NameOf(call);
  const int status = answer.status;
  if (status == 0) return {Kind::kRetry, fmt::format("{}: {}", what, Quoted(answer.error, kMostWords))};
  if (status >= 200 && status < 300) return IsGraphQl(call) ? JudgeGraphQl(call, answer) : Verdict{};
  const std::string why = fmt::format("{}: HTTP {}: {}", what, status, WordsOf(answer));
  // Another machine answers here, which does not know the key.
  if (call == Call::kPutFile)
    return {status < 500 && status != 408 && status != 429 ? Kind::kStuck : Kind::kRetry, why};
  if (status >= 300 && status < 400)
    return {Kind::kPause,
            fmt::format("{}: HTTP {}, it stands elsewhere; set WANDB_BASE_URL to that address", what, status)};
  switch (status) {
    case 401:
      return {Kind::kPause, fmt::format("{}: HTTP 401, W&B does not know the key; put the right one where it was "
                                        "found, then 'rsg wandb retry', or a restart after WANDB_API_KEY",
                                        what)};
    case 403:
      return {Kind::kNoPlace, fmt::format("{}: HTTP 403, the key may not write there: {}", what, WordsOf(answer))};
    case 404:
      if (call == Call::kUpsert) return {Kind::kNoPlace, why};
      return {Kind::kStuck, why + "; was the run deleted there? 'rsg wandb resend --new' sends it again"};
    case 409:
      return {call == Call::kUpsert ? Kind::kRetry : Kind::kStuck, why};
    case 413:
      return {call == Call::kStream ? Kind::kTooLarge : Kind::kStuck, why};
    case 400:
    case 410:
    case 422:
    case 501:
      return {Kind::kStuck, why};
    default:
      return {Kind::kRetry, why};
  }
}

}  // namespace rsg::wandb
