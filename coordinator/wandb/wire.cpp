#include "coordinator/wandb/wire.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "coordinator/wandb/answers.hpp"

namespace rsg::wandb {
namespace {

using Json = nlohmann::ordered_json;  // of what is sent

constexpr std::size_t kMostName = 1024;   // bytes of a name that W&B gives; its own limit is 128 characters
constexpr std::size_t kMostState = 64;    // bytes that are shown
constexpr std::size_t kMostHeaders = 64;  // that a file's storage may ask for

constexpr char kUpsert[] =
    "mutation UpsertBucket ($id: String, $name: String, $project: String, $entity: String, $groupName: String, "
    "$description: String, $displayName: String, $notes: String, $commit: String, $config: JSONString, $host: String, "
    "$debug: Boolean, $program: String, $repo: String, $jobType: String, $state: String, $sweep: String, "
    "$tags: [String!], $summaryMetrics: JSONString) { upsertBucket(input: {id:$id,name:$name,groupName:$groupName,"
    "modelName:$project,entityName:$entity,description:$description,displayName:$displayName,notes:$notes,"
    "config:$config,commit:$commit,host:$host,debug:$debug,jobProgram:$program,jobRepo:$repo,jobType:$jobType,"
    "state:$state,sweep:$sweep,tags:$tags,summaryMetrics:$summaryMetrics}) { bucket { id name displayName description "
    "config sweepName project { id name entity { id name } } historyLineCount } inserted } }";
constexpr char kRepair[] =
    "mutation UpsertBucket($id: String, $summaryMetrics: JSONString) { upsertBucket(input: {id: $id, "
    "summaryMetrics: $summaryMetrics}) { bucket { id } } }";
constexpr char kRead[] =
    "query Run($project: String!, $entity: String!, $name: String!) { project(name: $project, entityName: $entity) { "
    "run(name: $name) { id name state summaryMetrics } } }";
constexpr char kCreateFiles[] =
    "mutation CreateRunFiles ($entity: String!, $project: String!, $run: String!, $files: [String!]!) { "
    "createRunFiles(input: {entityName:$entity,projectName:$project,runName:$run,files:$files}) { runID uploadHeaders "
    "files { name uploadUrl } } }";

// One line; what is no UTF-8 becomes U+FFFD.
template <typename AnyJson>
std::string Text(const AnyJson& json) {
  return json.dump(-1, ' ', false, AnyJson::error_handler_t::replace);
}

HttpRequest GraphQl(Call call, const char* operation, const char* query, Json variables) {
  const Json body{{"query", query}, {"variables", std::move(variables)}, {"operationName", operation}};
  return {.call = call, .address = "/graphql", .body = Text(body), .headers = {}};
}

Json OrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

// A number that is not finite has no place in JSON; its key is left out.
void Put(Json* object, const std::string& key, const Value& value) {
  if (const auto* number = std::get_if<double>(&value); number != nullptr && !std::isfinite(*number)) return;
  std::visit([&](const auto& concrete) { (*object)[key] = concrete; }, value);
}

Json LineOf(const Line& line) {
  Json object = Json::object();
  for (const auto& [key, value] : line.fields) Put(&object, key, value);
  object["_step"] = line.step;
  Put(&object, "_timestamp", line.timestamp);
  Put(&object, "_runtime", line.runtime);
  return object;
}

Json SummaryOf(const Line& summary) {
  Json object = LineOf(summary);
  const auto runtime = static_cast<std::int64_t>(summary.runtime);
  object["_runtime"] = runtime;
  object["_wandb"] = {{"runtime", runtime}};
  return object;
}

// For a path of a URL.
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '~';
    escaped += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return escaped;
}

std::string StreamPath(std::string_view entity, std::string_view project, std::string_view run_id) {
  return fmt::format("/files/{}/{}/{}/file_stream", Escaped(entity), Escaped(project), Escaped(run_id));
}

// Walks down objects; nullptr where a key is missing.
const AnswerJson* At(const AnswerJson& json, std::initializer_list<const char*> path) {
  const AnswerJson* at = &json;
  for (const char* key : path) {
    if (!at->is_object() || !at->contains(key)) return nullptr;
    at = &(*at)[key];
  }
  return at;
}

std::string TextAt(const AnswerJson& json, std::initializer_list<const char*> path) {
  const AnswerJson* found = At(json, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : "";
}

bool IsOneLine(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

// Names are stored, shown to people and part of addresses.
bool IsName(std::string_view text) { return !text.empty() && text.size() <= kMostName && IsOneLine(text); }

bool IsAddress(std::string_view text) {
  return (text.starts_with("https://") || text.starts_with("http://")) &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F; });
}

// Where the file of that name is to go; empty when the answer does not say.
std::string AddressOf(const AnswerJson& files, const std::string& name) {
  for (const AnswerJson& file : files)
    if (TextAt(file, {"name"}) == name) return TextAt(file, {"uploadUrl"});
  return "";
}

}  // namespace

std::string LineJson(const Line& line) { return Text(LineOf(line)); }
std::string SummaryJson(const Line& summary) { return Text(SummaryOf(summary)); }

HttpRequest UpsertRequest(const RunHeader& header) {
  Json config = Json::object();
  for (const auto& [key, value] : header.config) {
    Json entry = Json::object();
    Put(&entry, "value", value);
    if (!entry.empty()) config[key] = std::move(entry);
  }
  Json variables{{"id", nullptr}, {"name", header.run_id}, {"project", OrNull(header.project)}};
  variables["entity"] = OrNull(header.entity);
  variables["groupName"] = OrNull(header.group);
  variables["description"] = nullptr;
  variables["displayName"] = OrNull(header.display_name);
  variables["notes"] = nullptr;
  variables["commit"] = nullptr;
  variables["config"] = Text(config);
  variables["host"] = OrNull(header.host);
  for (const char* key : {"debug", "program", "repo"}) variables[key] = nullptr;
  variables["jobType"] = OrNull(header.job_type);
  for (const char* key : {"state", "sweep"}) variables[key] = nullptr;
  variables["tags"] = header.tags;
  variables["summaryMetrics"] = nullptr;
  return GraphQl(Call::kUpsert, "UpsertBucket", kUpsert, std::move(variables));
}

HttpRequest StreamRequest(std::string_view entity, std::string_view project, std::string_view run_id,
                          const Chunk& chunk) {
  Json body = Json::object();
  if (!chunk.lines.empty()) {
    Json content = Json::array();
    for (const Line& line : chunk.lines) content.push_back(LineJson(line));
    body["files"]["wandb-history.jsonl"] = {{"offset", chunk.lines.front().step}, {"content", std::move(content)}};
  }
  if (chunk.summary)
    body["files"]["wandb-summary.json"] = {{"offset", 0}, {"content", Json::array({SummaryJson(*chunk.summary)})}};
  if (!chunk.uploaded.empty()) body["uploaded"] = chunk.uploaded;
  if (chunk.exit_code) {
    body["complete"] = true;
    body["exitcode"] = *chunk.exit_code;
  }
  return {.call = Call::kStream, .address = StreamPath(entity, project, run_id), .body = Text(body), .headers = {}};
}

HttpRequest HeartbeatRequest(std::string_view entity, std::string_view project, std::string_view run_id) {
  return {.call = Call::kHeartbeat, .address = StreamPath(entity, project, run_id), .body = "{}", .headers = {}};
}

HttpRequest ReadRequest(std::string_view entity, std::string_view project, std::string_view run_id) {
  return GraphQl(Call::kRead, "Run", kRead, {{"project", project}, {"entity", entity}, {"name", run_id}});
}

HttpRequest RepairRequest(std::string_view storage_id, const std::string& summary) {
  return GraphQl(Call::kRepair, "UpsertBucket", kRepair, {{"id", storage_id}, {"summaryMetrics", summary}});
}

HttpRequest CreateFilesRequest(std::string_view entity, std::string_view project, std::string_view run_id,
                               const std::vector<std::string>& names) {
  return GraphQl(Call::kCreateFiles, "CreateRunFiles", kCreateFiles,
                 {{"entity", entity}, {"project", project}, {"run", run_id}, {"files", names}});
}

absl::StatusOr<UpsertAnswer> ParseUpsert(const std::string& body) {
  const AnswerJson parsed = ParseAnswer(body);
  const AnswerJson* bucket = At(parsed, {"data", "upsertBucket", "bucket"});
  UpsertAnswer answer;
  if (bucket != nullptr)
    answer = {.storage_id = TextAt(*bucket, {"id"}),
              .entity = TextAt(*bucket, {"project", "entity", "name"}),
              .project = TextAt(*bucket, {"project", "name"})};
  if (!IsName(answer.storage_id) || !IsName(answer.entity) || !IsName(answer.project))
    return absl::InternalError("W&B's answer does not say where the run stands");
  return answer;
}

absl::StatusOr<ReadAnswer> ParseRead(const std::string& body, const Line& expected) {
  const AnswerJson parsed = ParseAnswer(body);
  if (const AnswerJson* data = At(parsed, {"data"}); data == nullptr || !data->is_object())
    return absl::InternalError("W&B's answer has no data");
  const AnswerJson* run = At(parsed, {"data", "project", "run"});
  ReadAnswer answer;
  answer.found = run != nullptr && run->is_object();
  AnswerJson summary;
  if (answer.found) {
    answer.state = Quoted(TextAt(*run, {"state"}), kMostState);
    // A JSON text; null while there is none.
    summary = ParseAnswer(TextAt(*run, {"summaryMetrics"}));
  }
  answer.ended = answer.state == "finished" || answer.state == "failed";
  if (!summary.is_object()) summary = AnswerJson::object();
  const Json whole = SummaryOf(expected);
  for (const auto& [key, value] : whole.items()) {
    if (summary.contains(key)) continue;
    summary[key] = value;
    answer.missing.push_back(key);
  }
  answer.repaired = Text(summary);
  return answer;
}

absl::StatusOr<std::vector<HttpRequest>> ParseCreateFiles(
    const std::string& body, const std::vector<std::pair<std::string, std::string>>& texts) {
  const AnswerJson parsed = ParseAnswer(body);
  const AnswerJson* files = At(parsed, {"data", "createRunFiles", "files"});
  std::vector<std::string> headers;
  // "Name:value" each; none means an empty list or null.
  if (const AnswerJson* given = At(parsed, {"data", "createRunFiles", "uploadHeaders"});
      given != nullptr && given->is_array())
    for (const AnswerJson& header : *given)
      if (header.is_string()) headers.push_back(header.get<std::string>());
  if (headers.size() > kMostHeaders || !std::all_of(headers.begin(), headers.end(), IsOneLine))
    return absl::InternalError("W&B's answer asks for headers of its files that cannot be sent");
  std::vector<HttpRequest> puts;
  for (const auto& [name, text] : texts) {
    std::string address = files != nullptr && files->is_array() ? AddressOf(*files, name) : "";
    if (!IsAddress(address)) return absl::InternalError("W&B's answer does not say where all files are to go");
    puts.push_back({.call = Call::kPutFile, .address = std::move(address), .body = text, .headers = headers});
  }
  return puts;
}

}  // namespace rsg::wandb
