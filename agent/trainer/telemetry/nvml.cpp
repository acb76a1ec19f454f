#include "agent/trainer/telemetry/nvml.hpp"

#include <dlfcn.h>

#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace rsg::trainer {
namespace {

// From NVML's reference (docs.nvidia.com/deploy/nvml-api); the ABI has only ever been added to.
constexpr int kSuccess = 0;
constexpr int kNotSupported = 3;
constexpr int kFunctionNotFound = 13;
constexpr unsigned kClockSm = 1;
constexpr unsigned kClockMemory = 2;
constexpr unsigned kTemperatureGpu = 0;

using NvmlDevice = struct nvmlDevice_st*;
struct NvmlMemory {
  unsigned long long total, free, used;
};
struct NvmlTemperature {  // nvmlTemperature_v1_t
  unsigned version;
  unsigned sensor;
  int temperature;
};
constexpr unsigned kTemperatureVersion = sizeof(NvmlTemperature) | 1u << 24;  // NVML_STRUCT_VERSION

using GetUnsignedOf = int(NvmlDevice, unsigned, unsigned*);
using GetTemperature = int(NvmlDevice, NvmlTemperature*);

/// The library, loaded and started; let go of in the reverse order.
class Library {
 public:
  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    const auto stop = Symbol<int()>("nvmlShutdown");
    if (started_ && stop != nullptr) stop();
    if (handle_ != nullptr) dlclose(handle_);
  }

  absl::Status Start(const std::string& path) {
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) {
      const char* error = dlerror();
      return absl::NotFoundError(absl::StrCat("NVML does not load: ", error != nullptr ? error : path.c_str()));
    }
    const auto start = Symbol<int()>("nvmlInit_v2");
    if (start == nullptr) return absl::UnavailableError(absl::StrCat(path, " has no nvmlInit_v2"));
    if (const int code = start(); code != kSuccess) return Failed("nvmlInit_v2", code);
    started_ = true;
    return absl::OkStatus();
  }

  /// Null when the library lacks it, or there is no library.
  template <typename Function>
  Function* Symbol(const char* name) const {
    return handle_ != nullptr ? reinterpret_cast<Function*>(dlsym(handle_, name)) : nullptr;
  }

  absl::Status Failed(absl::string_view what, int code) const {
    const auto describe = Symbol<const char*(int)>("nvmlErrorString");
    const char* text = describe != nullptr ? describe(code) : nullptr;
    return absl::UnavailableError(
        absl::StrCat("NVML: ", what, ": ", text != nullptr ? text : "error", " (", code, ")"));
  }

 private:
  void* handle_ = nullptr;
  bool started_ = false;
};

/// One question to the library; empty when it lacks the function, and from the moment it says that it never answers.
template <typename Value>
class Query {
 public:
  Query() = default;
  explicit Query(std::function<int(Value*)> ask) : ask_(std::move(ask)) {}

  explicit operator bool() const { return static_cast<bool>(ask_); }

  std::optional<Value> operator()() {
    if (!ask_) return std::nullopt;
    Value value{};
    const int code = ask_(&value);
    if (code == kNotSupported || code == kFunctionNotFound) ask_ = nullptr;
    if (code != kSuccess) return std::nullopt;
    return value;
  }

 private:
  std::function<int(Value*)> ask_;
};

// NVML_VALUE_NOT_AVAILABLE, all ones, says that there is no value; neither is anything that no device reaches.
template <typename Number>
std::optional<double> Scaled(const std::optional<Number>& value, double unit, double most = kMostPlausible) {
  if (!value || *value == std::numeric_limits<Number>::max()) return std::nullopt;
  const double scaled = static_cast<double>(*value) * unit;
  return scaled <= most ? std::optional(scaled) : std::nullopt;
}

class NvmlReader final : public Reader {
 public:
  NvmlReader(std::unique_ptr<Library> library, NvmlDevice device) : library_(std::move(library)), device_(device) {
    sm_clock_ = AskOf("nvmlDeviceGetClockInfo", kClockSm);
    memory_clock_ = AskOf("nvmlDeviceGetClockInfo", kClockMemory);
    max_sm_clock_ = AskOf("nvmlDeviceGetMaxClockInfo", kClockSm);
    temperature_ = AskTemperature();
    power_ = Ask<unsigned>("nvmlDeviceGetPowerUsage");
    energy_ = Ask<unsigned long long>("nvmlDeviceGetTotalEnergyConsumption");
    reasons_ = Ask<unsigned long long>("nvmlDeviceGetCurrentClocksEventReasons");
    // Its name before driver 535.
    if (!reasons_) reasons_ = Ask<unsigned long long>("nvmlDeviceGetCurrentClocksThrottleReasons");
    memory_ = Ask<NvmlMemory>("nvmlDeviceGetMemoryInfo");
    pcie_generation_ = Ask<unsigned>("nvmlDeviceGetCurrPcieLinkGeneration");
    pcie_width_ = Ask<unsigned>("nvmlDeviceGetCurrPcieLinkWidth");
    power_limit_ = Ask<unsigned>("nvmlDeviceGetEnforcedPowerLimit");
    default_power_limit_ = Ask<unsigned>("nvmlDeviceGetPowerManagementDefaultLimit");
  }

  Reading Read() override {
    constexpr double kMilli = 1e-3;
    constexpr double kMiB = 1 << 20;
    constexpr double kMostEnergy = std::numeric_limits<double>::max();  // a counter
    Reading reading;
    reading.sm_clock_mhz = Scaled(sm_clock_(), 1);
    reading.memory_clock_mhz = Scaled(memory_clock_(), 1);
    reading.temperature_celsius = Scaled(temperature_(), 1);
    reading.power_watts = Scaled(power_(), kMilli);
    reading.energy_joules = Scaled(energy_(), kMilli, kMostEnergy);
    if (const auto reasons = reasons_()) reading.clock_reasons = *reasons;
    if (const auto memory = memory_())
      reading.used_memory_mib = static_cast<std::uint32_t>(static_cast<double>(memory->used) / kMiB);
    if (const auto generation = Scaled(pcie_generation_(), 1))
      reading.pcie_generation = static_cast<std::uint32_t>(*generation);
    if (const auto width = Scaled(pcie_width_(), 1)) reading.pcie_width = static_cast<std::uint32_t>(*width);
    return reading;
  }

  v1::DeviceLimits Limits() override {
    constexpr double kMilli = 1e-3;
    v1::DeviceLimits limits;
    if (const auto watts = Scaled(power_limit_(), kMilli)) limits.set_power_limit_watts(*watts);
    if (const auto watts = Scaled(default_power_limit_(), kMilli)) limits.set_default_power_limit_watts(*watts);
    if (const auto mhz = Scaled(max_sm_clock_(), 1)) limits.set_max_sm_clock_mhz(*mhz);
    return limits;
  }

 private:
  template <typename Value>
  Query<Value> Ask(const char* name) {
    const auto function = library_->Symbol<int(NvmlDevice, Value*)>(name);
    if (function == nullptr) return {};
    return Query<Value>([function, device = device_](Value* value) { return function(device, value); });
  }

  Query<unsigned> AskOf(const char* name, unsigned kind) {
    const auto function = library_->Symbol<GetUnsignedOf>(name);
    if (function == nullptr) return {};
    return Query<unsigned>([=, device = device_](unsigned* value) { return function(device, kind, value); });
  }

  // The older function is deprecated as of CUDA 13; most drivers in use lack the newer one.
  Query<unsigned> AskTemperature() {
    if (auto query = AskOf("nvmlDeviceGetTemperature", kTemperatureGpu)) return query;
    const auto function = library_->Symbol<GetTemperature>("nvmlDeviceGetTemperatureV");
    if (function == nullptr) return {};
    return Query<unsigned>([function, device = device_](unsigned* value) {
      NvmlTemperature asked{.version = kTemperatureVersion, .sensor = kTemperatureGpu, .temperature = 0};
      const int code = function(device, &asked);
      *value = asked.temperature > 0 ? static_cast<unsigned>(asked.temperature) : 0;
      return code;
    });
  }

  const std::unique_ptr<Library> library_;
  const NvmlDevice device_;
  Query<unsigned> sm_clock_, memory_clock_, max_sm_clock_, temperature_, power_, pcie_generation_, pcie_width_;
  Query<unsigned> power_limit_, default_power_limit_;
  Query<unsigned long long> energy_, reasons_;
  Query<NvmlMemory> memory_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Reader>> OpenNvml(const std::string& path, const std::string& uuid) {
  auto library = std::make_unique<Library>();
  if (auto status = library->Start(path); !status.ok()) return status;
  const auto find = library->Symbol<int(const char*, NvmlDevice*)>("nvmlDeviceGetHandleByUUID");
  if (find == nullptr) return absl::UnavailableError(absl::StrCat(path, " has no nvmlDeviceGetHandleByUUID"));
  NvmlDevice device = nullptr;
  if (const int code = find(uuid.c_str(), &device); code != kSuccess)
    return absl::NotFoundError(absl::StrCat(uuid, ": ", library->Failed("no such GPU", code).message()));
  return std::make_unique<NvmlReader>(std::move(library), device);
}

}  // namespace rsg::trainer
