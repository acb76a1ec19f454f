#include "agent/facts/trainer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/job/descriptor.hpp"
#include "agent/job/log_tail.hpp"
#include "agent/job/spawn.hpp"
#include "agent/protocol/text.hpp"
#include "common/clock.hpp"
#include "common/duration.hpp"
#include "common/json.hpp"
#include "common/version.hpp"

namespace rsg::agent {
namespace {

constexpr std::size_t kMaxAnswer = 1 << 20;
constexpr std::size_t kMaxWords = 2 << 10;
constexpr std::size_t kMaxInfo = 64 << 10;

bool IsProgram(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

absl::StatusOr<std::string> Insist(const std::string& path, absl::string_view by) {
  if (IsProgram(path)) return path;
  return absl::NotFoundError(
      absl::StrCat(by, ": ", path, " is no program that can be run; name the path of rsg-trainer"));
}

// A running `info`: killed and reaped at the end of the scope, whatever came of it.
class Asked {
 public:
  explicit Asked(pid_t pid) : pid_(pid) {}
  ~Asked() { End(); }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;
  int End() {
    if (pid_ == 0) return status_;
    kill(-pid_, SIGKILL);
    status_ = Reap(std::exchange(pid_, 0)).value_or(0);
    return status_;
  }
  bool Ended() const {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
  }

 private:
  pid_t pid_;
  int status_ = 0;
};

struct Answer {
  std::string out;
  std::string words;  // of its stderr
  int status = 0;
};

bool ReadSome(Descriptor* from, const std::function<void(std::string_view)>& take) {
  char buffer[16 << 10];
  const ssize_t got = read(from->get(), buffer, sizeof buffer);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (got > 0) take(std::string_view(buffer, static_cast<std::size_t>(got)));
  if (got <= 0) from->Close();
  return got > 0;
}

/// Reads both pipes until they end and the child has ended.
absl::StatusOr<Answer> Listen(Asked* child, Descriptor out, Descriptor err, double seconds) {
  const double until = SystemClock().Monotonic() + seconds;
  Answer answer;
  LogTail words(kMaxWords);
  while (out.open() || err.open() || !child->Ended()) {
    const double left = until - SystemClock().Monotonic();
    if (left <= 0) return absl::DeadlineExceededError(absl::StrCat("did not answer within ", FormatDuration(seconds)));
    pollfd entries[] = {{.fd = out.get(), .events = POLLIN, .revents = 0},
                        {.fd = err.get(), .events = POLLIN, .revents = 0}};
    // Without pipes only the child's end is awaited, and that is a matter of a moment.
    const double wait = out.open() || err.open() ? std::min(left, 1.0) : 0.01;
    poll(entries, 2, static_cast<int>(wait * 1000) + 1);
    if (entries[0].revents != 0) ReadSome(&out, [&](std::string_view text) { answer.out += text; });
    if (entries[1].revents != 0) ReadSome(&err, [&](std::string_view text) { words.Append(text); });
    if (answer.out.size() > kMaxAnswer) return absl::InternalError("its answer is longer than 1 MiB");
  }
  answer.status = child->End();
  answer.words = CleanText(words.Text());
  return answer;
}

absl::StatusOr<Answer> Run(const std::string& path, const std::vector<std::string>& arguments,
                           const std::vector<std::string>& environment, double seconds) {
  int out[2];
  int err[2];
  if (pipe2(out, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe");
  Descriptor out_reads(out[0]);
  Descriptor out_writes(out[1]);
  if (pipe2(err, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe");
  Descriptor err_reads(err[0]);
  Descriptor err_writes(err[1]);
  const auto pid = SpawnProcess({.program = path,
                                 .arguments = arguments,
                                 .environment = environment,
                                 .descriptors = {{out_writes.get(), 1}, {err_writes.get(), 2}}});
  if (!pid.ok()) return pid.status();
  Asked child(*pid);
  out_writes.Close();
  err_writes.Close();
  return Listen(&child, std::move(out_reads), std::move(err_reads), seconds);
}

// The first program of that name on PATH; empty without one.
std::string OnPath(const char* program) {
  const char* path = std::getenv("PATH");
  for (absl::string_view folder : absl::StrSplit(path != nullptr ? path : "", ':', absl::SkipEmpty())) {
    const auto candidate = std::filesystem::path(std::string(folder)) / program;
    if (IsProgram(candidate)) return candidate.string();
  }
  return "";
}

absl::Status Judge(const Answer& answer, v1::TrainerInfo* info) {
  const std::string words =
      answer.words.empty() ? "" : absl::StrCat("; it said: ", absl::StripAsciiWhitespace(answer.words));
  if (WIFSIGNALED(answer.status))
    return absl::InternalError(absl::StrCat("was killed by ", SignalName(WTERMSIG(answer.status)), words));
  if (WEXITSTATUS(answer.status) != 0)
    return absl::InternalError(absl::StrCat("exited with code ", WEXITSTATUS(answer.status), words));
  if (const absl::Status parsed = FromJson(answer.out, info); !parsed.ok())
    return absl::InternalError(absl::StrCat("gave no proper answer: ", CleanHead(std::string(parsed.message()), 256)));
  if (info->protocol_version() != kProtocolVersion)
    return absl::FailedPreconditionError(absl::StrCat("speaks protocol ", info->protocol_version(), " and this agent ",
                                                      kProtocolVersion,
                                                      "; install rsg-trainer and rsg-agent of one version"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> FindTrainer(const std::string& asked) {
  if (!asked.empty()) return Insist(asked, "--trainer");
  if (const char* named = std::getenv("RSG_TRAINER"); named != nullptr && *named != '\0')
    return Insist(named, "RSG_TRAINER");
  std::error_code error;
  const auto beside = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "rsg-trainer";
  if (!error && IsProgram(beside)) return beside.string();
  if (std::string found = OnPath("rsg-trainer"); !found.empty()) return found;
  return absl::NotFoundError(absl::StrCat("rsg-trainer is neither at ", beside.string(),
                                          " nor on PATH; install it or name it with --trainer or RSG_TRAINER"));
}

absl::StatusOr<v1::TrainerInfo> AskTrainer(const std::string& path, const std::vector<std::string>& environment,
                                           double seconds, std::vector<std::string>* words) {
  const auto answer = Run(path, {"info", "--json"}, environment, seconds);
  v1::TrainerInfo info;
  const absl::Status status = answer.ok() ? Judge(*answer, &info) : answer.status();
  if (!status.ok()) return absl::Status(status.code(), absl::StrCat(path, " ", status.message()));
  if (words == nullptr) return info;
  for (const absl::string_view line : absl::StrSplit(answer->words, '\n', absl::SkipWhitespace()))
    if (std::find(words->begin(), words->end(), line) == words->end()) words->emplace_back(line);
  return info;
}

std::string GpuInfo(const std::vector<std::string>& environment, double seconds) {
  const std::string program = OnPath("nvidia-smi");
  if (program.empty()) return "";
  const auto answer = Run(program, {"-q"}, environment, seconds);
  if (!answer.ok() || !WIFEXITED(answer->status) || WEXITSTATUS(answer->status) != 0) return "";
  return CleanHead(answer->out, kMaxInfo);
}

}  // namespace rsg::agent
