// A disk in memory: what programs see, and what is left of it when the power fails. Also how it fails otherwise: full,
// or with errors for a while. SQLite reaches it through vfs.hpp.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "random.hpp"

namespace rsg::sim {

/// A piece of writing that is in the system's cache only: `bytes` at `offset`, or, with `cut`, the new end at `offset`.
struct Unsynced {
  std::uint64_t offset = 0;
  std::string bytes;
  bool cut = false;
};

struct File {
  std::string seen;                ///< by programs
  std::string durable;             ///< on the platter
  std::vector<Unsynced> unsynced;  ///< what makes `seen` of `durable`, but for what a failed sync has dropped
  bool name_durable = false;       ///< else the file itself may be gone
};

class Disk {
 public:
  enum class Result { kOk, kFull, kError };

  explicit Disk(Random* random) : random_(random) {}

  // What programs do. All of it fails once the power is off.

  Result Write(File& file, std::uint64_t offset, std::string_view bytes);
  Result Truncate(File& file, std::uint64_t size);
  Result Sync(File& file);
  Result Read();  ///< whether it can be read now
  std::vector<std::string> Names() const;
  std::shared_ptr<File> Find(const std::string& name) const;
  std::shared_ptr<File> Make(const std::string& name);
  Result Remove(const std::string& name, bool durably);

  // Faults.

  /// The power fails at the `operations`-th write, sync, truncation or removal from now on: before it has any effect,
  /// in the middle, or after.
  void FailPowerIn(std::uint64_t operations) { fail_in_ = operations; }
  void FailPower() { off_ = true; }
  bool off() const { return off_; }
  /// Files cannot grow.
  void SetFull(bool full) { full_ = full; }
  /// Each operation fails with this probability.
  void SetErrors(double probability) { errors_ = probability; }

  /// The next sync fails, and what it was to write down never is.
  void FailSync() { sync_fails_ = true; }

  /// One bit of some file turns over, which nobody is told.
  void Rot();

  enum class Crash {
    kProcess,  ///< the system has all that was written
    kPower,    ///< of what was not synced anything may be there: whole, in part, garbled, or not at all
  };
  /// On again, with what is left. Whoever had files open has them no more.
  void PowerOn(Crash crash);
  /// Counts the times that it came on; what was opened before is void.
  std::uint64_t generation() const { return generation_; }

  /// While somebody looks at it who is no part of what is simulated, nothing fails.
  void SetObserved(bool observed) { observed_ = observed; }
  bool observed() const { return observed_; }

  using Image = std::map<std::string, std::string>;
  Image Save() const;
  void Load(const Image& image);
  /// Nothing but `image` is there any more. Nobody has a file open.
  void Replace(const Image& image);

 private:
  bool Fails();
  enum class Moment { kNot, kBefore, kAmid, kAfter };
  Moment PowerFailsNow();
  void SyncFolder();
  void Lose(File& file);

  Random* random_;
  std::map<std::string, std::shared_ptr<File>> files_;
  std::map<std::string, std::shared_ptr<File>> removed_;  // not durably: may be back after a power failure
  std::uint64_t fail_in_ = 0;                             // 0: not planned
  std::uint64_t generation_ = 1;
  double errors_ = 0;
  bool sync_fails_ = false;
  bool off_ = false;
  bool full_ = false;
  bool observed_ = false;
};

}  // namespace rsg::sim
