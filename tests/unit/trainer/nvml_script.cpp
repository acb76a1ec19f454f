#include "nvml_script.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "agent/trainer/telemetry/nvml.hpp"

namespace rsg::trainer {

NvmlScript::NvmlScript(const std::string& lines, bool old_driver)
    : path_(testing::TempDir() + "nvml_script_" + std::to_string(getpid())), old_driver_(old_driver) {
  std::ofstream(path_) << "device " << kFakeGpu << "\n" << lines;
  setenv("RSG_FAKE_NVML_SCRIPT", path_.c_str(), 1);
  setenv("RSG_NVML", library().c_str(), 1);
}

NvmlScript::~NvmlScript() {
  unsetenv("RSG_FAKE_NVML_SCRIPT");
  unsetenv("RSG_NVML");
  std::filesystem::remove(path_);
}

std::string NvmlScript::library() const { return old_driver_ ? RSG_FAKE_NVML_OLD : RSG_FAKE_NVML; }

std::unique_ptr<Reader> NvmlScript::Open() const {
  auto reader = OpenNvml(library(), kFakeGpu);
  EXPECT_TRUE(reader.ok()) << reader.status();
  return reader.ok() ? *std::move(reader) : nullptr;
}

class Conductor::Conducted final : public Reader {
 public:
  Conducted(Conductor* conductor, std::unique_ptr<Reader> inner) : conductor_(conductor), inner_(std::move(inner)) {}
  Reading Read() override {
    conductor_->AwaitTurn();
    return inner_->Read();
  }
  v1::DeviceLimits Limits() override { return inner_->Limits(); }

 private:
  Conductor* const conductor_;
  const std::unique_ptr<Reader> inner_;
};

std::unique_ptr<Reader> Conductor::Conduct(std::unique_ptr<Reader> reader) {
  return std::make_unique<Conducted>(this, std::move(reader));
}

void Conductor::Let(int count) {
  std::unique_lock lock(mutex_);
  allowed_ += count;
  changed_.notify_all();
  // Back at the door: then what it read before is stored.
  changed_.wait(lock, [this] { return allowed_ == 0 && waiting_; });
}

void Conductor::Release() {
  const std::lock_guard lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

double Conductor::Monotonic() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

void Conductor::AwaitTurn() {
  std::unique_lock lock(mutex_);
  waiting_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return allowed_ > 0 || released_; });
  waiting_ = false;
  if (released_) return;
  --allowed_;
  now_ += step_;
}

}  // namespace rsg::trainer
