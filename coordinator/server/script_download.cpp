#include "coordinator/server/script_download.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "common/validate.hpp"
#include "coordinator/server/bearer.hpp"

namespace rsg::server {
namespace {

constexpr std::size_t kChunkBytes = 256 << 10;

}  // namespace

ScriptDownload::ScriptDownload(const Parts& parts, std::string credential_sha256, v1::FetchScriptRequest request,
                               const absl::Status& admitted, std::function<void()> moved, std::function<void()> over)
    : parts_(parts),
      credential_sha256_(std::move(credential_sha256)),
      request_(std::move(request)),
      moved_(std::move(moved)),
      over_(std::move(over)) {
  if (!admitted.ok())
    Finish(ToGrpc(admitted));
  else if (!IsHex(request_.sha256(), 64))
    Finish({grpc::StatusCode::INVALID_ARGUMENT, "sha256: not 64 lower-case hex digits"});
  else
    Ask();
}

ScriptDownload::~ScriptDownload() {
  if (fd_ >= 0) close(fd_);
}

void ScriptDownload::OnDone() {
  over_();
  delete this;
}

// Whose attempt it is the core knows; the disk is read by the readers' and gRPC's threads.
void ScriptDownload::Ask() {
  auto allowed = std::make_shared<absl::Status>();
  parts_.core->Post(
      [this, allowed](schedule::Coordinator& coordinator, const schedule::Now&, schedule::Effects&) {
        *allowed = coordinator.MayFetchScript(credential_sha256_, request_);
      },
      [this, allowed](const absl::Status& asked) {
        if (!asked.ok() || !allowed->ok()) return Finish(ToGrpc(asked.ok() ? *allowed : asked));
        if (!parts_.pool->Post([this](store::Reader&) { Open(); }))
          Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many questions at once; try again"});
      });
}

void ScriptDownload::Open() {
  if (parts_.store->Has(request_.sha256()))
    fd_ = open(parts_.store->Path(request_.sha256()).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0)
    return Finish({grpc::StatusCode::NOT_FOUND,
                   "the coordinator does not have the script any more; submit the sweep again with --script"});
  struct stat info {};
  if (fstat(fd_, &info) != 0 || static_cast<off_t>(request_.offset()) > info.st_size)
    return Finish(
        {grpc::StatusCode::OUT_OF_RANGE, fmt::format("offset: {} is beyond the end of the script", request_.offset())});
  chunk_.set_offset(request_.offset());
  WriteNext();
}

void ScriptDownload::OnWriteDone(bool ok) {
  if (!ok) return Finish({grpc::StatusCode::CANCELLED, "the agent went away"});
  moved_();
  chunk_.set_offset(chunk_.offset() + static_cast<std::uint32_t>(chunk_.data().size()));
  WriteNext();
}

void ScriptDownload::WriteNext() {
  std::string& data = *chunk_.mutable_data();
  data.resize(kChunkBytes);
  ssize_t got = -1;
  do {
    got = pread(fd_, data.data(), data.size(), static_cast<off_t>(chunk_.offset()));
  } while (got < 0 && errno == EINTR);
  if (got < 0)
    return Finish(ToGrpc(absl::UnavailableError(fmt::format("the coordinator cannot read the script: {}",
                                                            std::string(absl::ErrnoToStatus(errno, "").message())))));
  if (got == 0) return Finish(grpc::Status::OK);
  data.resize(static_cast<std::size_t>(got));
  StartWrite(&chunk_);
}

}  // namespace rsg::server
