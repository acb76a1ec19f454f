// SHA256_Init and its kin, not EVP: EVP brings all algorithms of libcrypto, 2 MB of them, into a static program.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "common/digest.hpp"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace rsg {

struct Sha256::State {
  SHA256_CTX context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Add(std::string_view bytes) { SHA256_Update(&state_->context, bytes.data(), bytes.size()); }

std::string Sha256::Hex() const {
  SHA256_CTX context = state_->context;
  unsigned char sum[SHA256_DIGEST_LENGTH];
  SHA256_Final(sum, &context);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(sum), sizeof sum));
}

namespace {

constexpr std::size_t kPiece = 256 << 10;

absl::StatusOr<FileDigest> Digest(int fd, const std::string& name, std::uint64_t max_bytes) {
  const auto failed = [&] { return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", name)); };
  const auto too_large = [&] {
    return absl::OutOfRangeError(absl::StrCat(name, " is larger than ", max_bytes, " bytes"));
  };
  struct stat info {};
  if (fstat(fd, &info) != 0) return failed();
  if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError(absl::StrCat(name, " is no regular file"));
  if (static_cast<std::uint64_t>(info.st_size) > max_bytes) return too_large();
  Sha256 hash;
  FileDigest digest;
  std::vector<char> piece(kPiece);
  while (true) {
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) break;
    digest.bytes += static_cast<std::uint64_t>(got);
    if (digest.bytes > max_bytes) return too_large();
    hash.Add(std::string_view(piece.data(), static_cast<std::size_t>(got)));
  }
  digest.sha256 = hash.Hex();
  return digest;
}

}  // namespace

absl::StatusOr<FileDigest> Sha256File(const std::filesystem::path& path, std::uint64_t max_bytes) {
  // Without waiting: a pipe that nobody writes to would be waited for in open().
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path.string()));
  auto digest = Digest(fd, path.string(), max_bytes);
  close(fd);
  return digest;
}

}  // namespace rsg
