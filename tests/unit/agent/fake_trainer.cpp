// Stands in for rsg-trainer and its misdeeds. The first argument says what it does; with "run" (as the agent calls it)
// the environment's OMP_FAKE_TRAINER does.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

extern char** environ;

namespace {

constexpr int kEvents = 3;

void Line(const std::string& text) {
  const std::string line = text + "\n";
  [[maybe_unused]] const auto put = write(kEvents, line.data(), line.size());
}

std::string Argument(int argc, char** argv, const char* flag, const char* fallback) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::strcmp(argv[i], flag) == 0) return argv[i + 1];
  }
  return fallback;
}

std::string Upper(std::string word) {
  for (char& c : word) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return word;
}

void Started(int argc, char** argv) {
  Line(R"({"started":{"protocol_version":1,"cell":{"model":")" + Argument(argc, argv, "--model", "resnet18") +
       R"(","batch_size":)" + Argument(argc, argv, "--bs", "2") + R"(,"image_size":)" +
       Argument(argc, argv, "--size", "64") + R"(,"precision":"PRECISION_)" +
       Upper(Argument(argc, argv, "--precision", "fp32")) + R"(","memory_format":"MEMORY_FORMAT_)" +
       Upper(Argument(argc, argv, "--memory-format", "nchw")) + R"(","mode":"MODE_STANDARD"},"device_name":"Fake"}})");
}

void Window(int sequence, int batch, const char* seconds = "0.01") {
  Line(R"({"window":{"sequence":)" + std::to_string(sequence) + R"(,"steps":1,"samples":)" + std::to_string(batch) +
       R"(,"seconds":)" + seconds + R"(,"wall_seconds":0.01,"start_seconds":)" + std::to_string(0.01 * sequence) +
       R"(,"warm_up":false}})");
}

void Finished(int windows, int batch) {
  const std::string samples = std::to_string(windows * batch);
  Line(R"({"finished":{"outcome":"OUTCOME_COMPLETED","result":{"throughput":)" + std::to_string(batch / 0.01) +
       R"(,"windows":)" + std::to_string(windows) + R"(,"steps":)" + std::to_string(windows) + R"(,"samples":)" +
       samples + R"(,"seconds":)" + std::to_string(windows * 0.01) + R"(,"wall_seconds":)" +
       std::to_string(windows * 0.01) + R"(,"warm_up_seconds":0,"window_cv":0,"stop_reason":"STOP_REASON_SECONDS"}}})");
}

[[noreturn]] void Sleep() {
  while (true) pause();
}

int Good(int argc, char** argv, int windows, int pause_milliseconds) {
  const int batch = std::atoi(Argument(argc, argv, "--bs", "2").c_str());
  Started(argc, argv);
  for (int i = 1; i <= windows; ++i) {
    Window(i, batch);
    usleep(static_cast<unsigned>(pause_milliseconds) * 1000u);
  }
  Finished(windows, batch);
  return 0;
}

// Takes memory until it is killed for it or has so much.
int Eat(int argc, char** argv, std::size_t mib) {
  Started(argc, argv);
  Window(1, std::atoi(Argument(argc, argv, "--bs", "2").c_str()));
  std::vector<std::string> eaten;
  while (eaten.size() < mib) {
    eaten.emplace_back(std::size_t{1} << 20, 'x');
    usleep(1000);
  }
  Sleep();
}

int Info() {
  std::puts(
      R"({"protocol_version":1,"stack":{"trainer_version":"0.1.0","torch_version":"2.11.0"},)"
      R"("devices":[{"id":"","kind":"DEVICE_KIND_CPU","name":"Fake CPU","memory_mib":1000000000,"precisions":["PRECISION_FP32"]}],)"
      R"("models":[{"name":"resnet18"},{"name":"resnet50"}],"driver_version":""})");
  return 0;
}

void PrintDescriptors() {
  DIR* folder = opendir("/proc/self/fd");
  const int own = dirfd(folder);
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.' && std::atoi(entry->d_name) != own) std::printf("fd %s\n", entry->d_name);
  }
  closedir(folder);
}

int Tell(const std::string& what) {
  if (what == "environment") {
    for (char** entry = environ; *entry != nullptr; ++entry) std::puts(*entry);
  } else if (what == "descriptors") {
    PrintDescriptors();
  } else if (what == "group") {
    std::printf("pid %d group %d\n", getpid(), getpgrp());
  } else if (what == "oom") {
    char text[32] = "";
    FILE* file = std::fopen("/proc/self/oom_score_adj", "r");
    if (file != nullptr && std::fgets(text, sizeof text, file) != nullptr) std::printf("oom %s", text);
  } else if (what == "limits") {
    rlimit core{};
    rlimit descriptors{};
    getrlimit(RLIMIT_CORE, &core);
    getrlimit(RLIMIT_NOFILE, &descriptors);
    std::printf("core %d descriptors %d privileges %d\n", static_cast<int>(core.rlim_max),
                descriptors.rlim_max <= 4096 && descriptors.rlim_cur >= 256, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  } else if (what == "stdin") {
    std::printf("stdin %d\n", std::getchar());
  } else if (what == "signals") {
    sigset_t blocked;
    sigprocmask(SIG_SETMASK, nullptr, &blocked);
    std::printf("blocked %d\n", sigismember(&blocked, SIGTERM));
  }
  return 0;
}

int Misbehave(const std::string& what, int argc, char** argv) {
  if (what == "garbage") Line("Traceback (most recent call last):");
  if (what == "null") Window(1, 2, "null");
  if (what == "nan") Window(1, 2, "\"NaN\"");
  if (what == "infinite") Window(1, 2, "\"Infinity\"");
  if (what == "enum") Line(R"({"finished":{"outcome":"OUTCOME_SPLENDID"}})");
  if (what == "half") {
    Started(argc, argv);
    [[maybe_unused]] const auto put = write(kEvents, "{\"window\":", 10);
    return 0;
  }
  if (what == "long-line") {
    const std::string text(1 << 20, 'x');
    [[maybe_unused]] const auto put = write(kEvents, text.data(), text.size());
  }
  if (what == "flood") {
    const std::string text(1 << 16, 'y');
    for (int i = 0; i < 500; ++i) {
      [[maybe_unused]] const auto put = write(2, text.data(), text.size());
    }
    std::fputs("the very end\n", stderr);
    return 7;
  }
  if (what == "abort") {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    std::fputs("terminate called\n", stderr);
    std::abort();
  }
  if (what == "grandchild") {
    const pid_t pid = fork();
    if (pid == 0) {
      signal(SIGTERM, SIG_IGN);
      Sleep();
    }
    std::printf("grandchild %d\n", pid);
    return 0;
  }
  if (what == "stubborn" || what == "hang") {
    if (what == "stubborn") signal(SIGTERM, SIG_IGN);
    Started(argc, argv);
    Sleep();
  }
  if (what == "closes-pipe") {
    close(kEvents);
    Sleep();
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string what = argc > 1 ? argv[1] : "";
  setvbuf(stdout, nullptr, _IOLBF, 1 << 16);
  if (what == "info") {
    const char* answer = std::getenv("OMP_FAKE_INFO");
    if (answer == nullptr) return Info();
    if (std::strcmp(answer, "warn") == 0) {
      std::fputs("rsg-trainer: no GPU can be used: too old\nsecond\nrsg-trainer: no GPU can be used: too old\n",
                 stderr);
      return Info();
    }
    if (std::strcmp(answer, "hang") == 0) Sleep();
    if (std::strcmp(answer, "fail") == 0) std::fputs("libcudart.so.13 not found\n", stderr);
    if (std::strcmp(answer, "fail") == 0) return 1;
    std::puts(answer);
    return 0;
  }
  if (what == "run") {
    const char* asked = std::getenv("OMP_FAKE_TRAINER");
    what = asked == nullptr ? "good" : asked;
  }
  if (what == "good") return Good(argc, argv, 5, 1);
  if (what == "slow") return Good(argc, argv, 100, 20);
  if (int windows = 0, pause = 0; std::sscanf(what.c_str(), "good-%d-%d", &windows, &pause) == 2)
    return Good(argc, argv, windows, pause);
  if (what.rfind("eats-", 0) == 0) return Eat(argc, argv, std::strtoul(what.c_str() + 5, nullptr, 10));
  if (what.rfind("exit-", 0) == 0) return std::atoi(what.c_str() + 5);
  if (what.rfind("tell-", 0) == 0) return Tell(what.substr(5));
  return Misbehave(what, argc, argv);
}
