// Preloaded into a process under test: sets its wall clock apart from the machine's and makes its disk slow, while it
// runs. RSG_SHIM names a file with two numbers, "OFFSET DELAY" in seconds; absent or empty: none of either. The
// monotonic clock stays what it is, as when somebody sets a machine's date.
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

struct Trouble {
  double offset = 0;
  double delay = 0;
};

Trouble Read() {
  Trouble trouble;
  const char* path = std::getenv("RSG_SHIM");
  if (path == nullptr) return trouble;
  FILE* file = std::fopen(path, "re");
  if (file == nullptr) return trouble;
  if (std::fscanf(file, "%lf %lf", &trouble.offset, &trouble.delay) != 2) trouble = {};
  std::fclose(file);
  return trouble;
}

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

int Flush(const char* name, int fd) {
  if (const double delay = Read().delay; delay > 0) usleep(static_cast<useconds_t>(delay * 1e6));
  return Real<int(int)>(name)(fd);
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static auto* const real = Real<int(clockid_t, timespec*)>("clock_gettime");
  const int result = real(clock, now);
  if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += static_cast<time_t>(Read().offset);
  return result;
}

__attribute__((visibility("default"))) int gettimeofday(timeval* now, void*) noexcept {
  timespec precise{};
  const int result = clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return result;
}

__attribute__((visibility("default"))) time_t time(time_t* now) noexcept {
  timespec precise{};
  clock_gettime(CLOCK_REALTIME, &precise);
  if (now != nullptr) *now = precise.tv_sec;
  return precise.tv_sec;
}

__attribute__((visibility("default"))) int fsync(int fd) { return Flush("fsync", fd); }
__attribute__((visibility("default"))) int fdatasync(int fd) { return Flush("fdatasync", fd); }

}  // extern "C"
