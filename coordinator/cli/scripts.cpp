#include "coordinator/cli/scripts.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>
#include <utility>

#include "common/clock.hpp"
#include "common/digest.hpp"
#include "common/refusal.hpp"
#include "common/script.hpp"
#include "coordinator/cli/number_list.hpp"
#include "coordinator/cli/output.hpp"

namespace rsg::cli {
namespace {

constexpr std::size_t kChunkBytes = 256 << 10;
constexpr int kTries = 3;
constexpr double kMiB = 1 << 20;

// TorchScript's container is a ZIP file.
bool IsArchive(const std::filesystem::path& path) {
  char magic[4] = "";
  std::ifstream(path, std::ios::binary).read(magic, sizeof magic);
  return std::string_view(magic, sizeof magic) == "PK\x03\x04";
}

absl::StatusOr<ScriptFile> Read(std::string_view path) {
  ScriptFile file{.path = path, .script = {}};
  const auto digest = Sha256File(file.path, kMaxScriptBytes);
  if (!digest.ok())
    return Refuse("script", std::string(digest.status().message()),
                  "name a file that torch.jit.save or a module's save() has written");
  if (digest->bytes == 0) return Refuse("script", fmt::format("{} is empty", Quote(path)), "name a TorchScript file");
  // The trainer looks closer; but nobody should wait for an upload of what cannot be one.
  if (!IsArchive(file.path))
    return Refuse("script", fmt::format("{} is no TorchScript module", Quote(path)),
                  "write one by torch.jit.trace or torch.jit.script and save()");
  file.script.set_name(ScriptNameOf(file.path.stem().string()));
  file.script.set_sha256(digest->sha256);
  file.script.set_bytes(static_cast<std::uint32_t>(digest->bytes));
  return file;
}

// A line that is written over, on a terminal only.
class Progress {
 public:
  Progress(std::string name, std::uint64_t bytes) : name_(std::move(name)), bytes_(bytes) {}
  ~Progress() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(std::uint64_t sent) {
    constexpr double kEverySeconds = 0.2;
    const double now = SystemClock().Monotonic();
    if (isatty(STDERR_FILENO) == 0 || now < next_) return;
    next_ = now + kEverySeconds;
    shown_ = true;
    fmt::print(stderr, "\r\033[Krsg: uploading {}: {:.0f} of {:.0f} MiB, {:.0f} %", name_,
               static_cast<double>(sent) / kMiB, static_cast<double>(bytes_) / kMiB,
               100.0 * static_cast<double>(sent) / static_cast<double>(bytes_));
    std::fflush(stderr);
  }

 private:
  const std::string name_;
  const std::uint64_t bytes_;
  double next_ = SystemClock().Monotonic() + 0.5;
  bool shown_ = false;
};

absl::Status Send(Client* client, const ScriptFile& file, const v1::PrepareScriptRequest& script,
                  std::uint32_t offset) {
  std::ifstream in(file.path, std::ios::binary);
  in.seekg(offset);
  if (!in) return absl::NotFoundError("it cannot be read any more");
  grpc::ClientContext context;
  client->Prepare(&context, 0);
  v1::UploadScriptResponse response;
  const auto writer = client->stub().UploadScript(&context, &response);
  v1::UploadScriptRequest message;
  *message.mutable_script() = script;
  bool good = writer->Write(message);
  message.clear_script();
  Progress progress(file.path.filename().string(), script.bytes());
  std::string data(kChunkBytes, '\0');
  while (good && offset < script.bytes()) {
    in.read(data.data(), static_cast<std::streamsize>(data.size()));
    const auto got = static_cast<std::size_t>(in.gcount());
    if (got == 0) break;  // it has shrunk; the coordinator says so
    message.mutable_chunk()->set_offset(offset);
    message.mutable_chunk()->mutable_data()->assign(data, 0, got);
    good = writer->Write(message);
    offset += static_cast<std::uint32_t>(got);
    progress.Show(offset);
  }
  if (good) writer->WritesDone();
  return client->Explain(writer->Finish(), 0);
}

absl::Status UploadOnce(Client* client, const ScriptFile& file) {
  constexpr double kPrepareSeconds = 60;
  v1::PrepareScriptRequest script;
  script.set_sha256(file.script.sha256());
  script.set_bytes(file.script.bytes());
  const auto there = client->Call(&v1::Control::Stub::PrepareScript, script, kPrepareSeconds);
  if (!there.ok()) return there.status();
  if (there->stored()) return absl::OkStatus();
  return Send(client, file, script, there->offset());
}

absl::Status Upload(Client* client, const ScriptFile& file) {
  for (int attempt = 1;; ++attempt) {
    const absl::Status sent = UploadOnce(client, file);
    const bool may_pass = absl::IsUnavailable(sent) || absl::IsAborted(sent) || absl::IsDataLoss(sent);
    if (sent.ok()) return sent;
    if (attempt == kTries || !may_pass)
      return absl::Status(sent.code(), fmt::format("script {}: {}{}", file.path.string(), std::string(sent.message()),
                                                   may_pass ? "; the next try goes on where this one was cut" : ""));
    std::this_thread::sleep_for(std::chrono::milliseconds(300 * attempt));
    client->DialAnew();
  }
}

}  // namespace

absl::StatusOr<std::vector<ScriptFile>> TakeScripts(SweepFields* fields) {
  const auto paths = fields->extract("script");
  const auto shape = fields->extract("input-shape");
  if (paths.empty()) {
    if (!shape.empty())
      return Refuse("input-shape", "given without a script", "name one with --script, or leave it out");
    return std::vector<ScriptFile>();
  }
  std::vector<std::uint32_t> sample_shape;
  if (!shape.empty()) {
    auto parsed = ParseSampleShape(shape.mapped());
    if (!parsed.ok())
      return absl::InvalidArgumentError(fmt::format("input-shape: {}", std::string(parsed.status().message())));
    sample_shape = *std::move(parsed);
  }
  const auto items = SplitList("script", paths.mapped());
  if (!items.ok()) return items.status();
  std::vector<ScriptFile> files;
  for (const std::string_view path : *items) {
    auto file = Read(path);
    if (!file.ok()) return file.status();
    file->script.mutable_sample_shape()->Add(sample_shape.begin(), sample_shape.end());
    files.push_back(*std::move(file));
  }
  return files;
}

absl::StatusOr<v1::SweepSpec> ParseSweep(const SweepFields& fields, const std::vector<ScriptFile>& files) {
  std::vector<v1::Script> scripts;
  for (const ScriptFile& file : files) scripts.push_back(file.script);
  return ParseSweep(fields, std::span<const v1::Script>(scripts));
}

absl::Status UploadScripts(Client* client, const std::vector<ScriptFile>& files) {
  for (const ScriptFile& file : files)
    if (auto sent = Upload(client, file); !sent.ok()) return sent;
  return absl::OkStatus();
}

}  // namespace rsg::cli
