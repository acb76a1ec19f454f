// A libnvidia-ml.so.1 that replays a script, named by RSG_FAKE_NVML_SCRIPT and read anew by the first nvmlInit_v2.
// Written after NVML's reference, with none of the trainer's own declarations, so that a slip in those shows. Lines:
//
//   device GPU-...                          the UUID of its one GPU
//   init CODE                               what nvmlInit_v2 returns (0)
//   limits enforced=mW default=mW max_sm=MHz
//   reading times=N sm=MHz mem=MHz temp=C power=mW energy=mJ reasons=BITS used=BYTES gen=N width=N
//   then repeat                             from the first reading on; otherwise the last one stays
//
// A query takes the next reading each time it is asked. A value that is missing is NOT_SUPPORTED, !CODE fails with that
// code, energy=+mJ adds to what the counter was.
//
// Built with FAKE_NVML_OLD it lacks what old drivers lack.
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace {

constexpr int kNotSupported = 3;
constexpr int kNotFound = 6;

using Values = std::map<std::string, std::string>;

struct State {
  std::string uuid;
  int init = 0;
  bool repeat = false;
  Values limits;
  std::vector<Values> readings;
  std::map<std::string, std::size_t> asked;  // by query
  unsigned long long energy = 0;
} state;
int users = 0;

Values Parse(std::istringstream& words) {
  Values values;
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    values[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return values;
}

void Load() {
  state = {};
  const char* path = std::getenv("RSG_FAKE_NVML_SCRIPT");
  std::ifstream script(path != nullptr ? path : "");
  for (std::string line; std::getline(script, line);) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind == "device") words >> state.uuid;
    if (kind == "init") words >> state.init;
    if (kind == "then") state.repeat = true;
    if (kind == "limits") state.limits = Parse(words);
    if (kind != "reading") continue;
    const Values values = Parse(words);
    const auto times = values.find("times");
    state.readings.insert(state.readings.end(), times == values.end() ? 1 : std::stoul(times->second), values);
  }
}

int Number(const Values& values, const char* key, unsigned long long* value) {
  const auto found = values.find(key);
  if (found == values.end()) return kNotSupported;
  const std::string& text = found->second;
  if (text[0] == '!') return std::stoi(text.substr(1));
  *value = std::stoull(text[0] == '+' ? text.substr(1) : text, nullptr, 0);
  return 0;
}

const Values& Next(const char* query) {
  static const Values none;
  if (state.readings.empty()) return none;
  const std::size_t turn = state.asked[query]++;
  const std::size_t last = state.readings.size() - 1;
  return state.readings[state.repeat ? turn % (last + 1) : (turn < last ? turn : last)];
}

template <typename Value>
int Give(const Values& values, const char* key, Value* value) {
  unsigned long long number = 0;
  const int code = Number(values, key, &number);
  if (code == 0) *value = static_cast<Value>(number);
  return code;
}

}  // namespace

struct nvmlDevice_st {};
using Device = nvmlDevice_st*;

EXPORTED int nvmlInit_v2() {
  if (users == 0) Load();
  if (state.init == 0) ++users;
  return state.init;
}
EXPORTED int nvmlShutdown() {
  --users;
  return 0;
}
EXPORTED int nvmlSystemGetDriverVersion(char* version, unsigned length) {
  std::strncpy(version, "580.65.06", length);
  return 0;
}
EXPORTED const char* nvmlErrorString(int code) { return code == 9 ? "Driver Not Loaded" : "an error of the script's"; }
EXPORTED int nvmlDeviceGetHandleByUUID(const char* uuid, Device* device) {
  static nvmlDevice_st only;
  *device = &only;
  return uuid == state.uuid ? 0 : kNotFound;
}
EXPORTED int nvmlDeviceGetClockInfo(Device, int type, unsigned* mhz) {
  const char* key = type == 1 ? "sm" : type == 2 ? "mem" : "";
  return Give(Next(key), key, mhz);
}
EXPORTED int nvmlDeviceGetTemperature(Device, int sensor, unsigned* celsius) {
  return sensor == 0 ? Give(Next("temp"), "temp", celsius) : kNotSupported;
}
EXPORTED int nvmlDeviceGetPowerUsage(Device, unsigned* milliwatts) { return Give(Next("power"), "power", milliwatts); }
EXPORTED int nvmlDeviceGetCurrentClocksThrottleReasons(Device, unsigned long long* reasons) {
  return Give(Next("reasons"), "reasons", reasons);
}

#ifndef FAKE_NVML_OLD
struct nvmlMemory_st {
  unsigned long long total, free, used;
};
EXPORTED int nvmlDeviceGetCurrentClocksEventReasons(Device, unsigned long long* reasons) {
  return Give(Next("reasons"), "reasons", reasons);
}
EXPORTED int nvmlDeviceGetTotalEnergyConsumption(Device, unsigned long long* millijoules) {
  const Values& values = Next("energy");
  unsigned long long number = 0;
  if (const int code = Number(values, "energy", &number); code != 0) return code;
  state.energy = values.at("energy")[0] == '+' ? state.energy + number : number;
  *millijoules = state.energy;
  return 0;
}
EXPORTED int nvmlDeviceGetMemoryInfo(Device, nvmlMemory_st* memory) {
  memory->total = 80ULL << 30;
  return Give(Next("used"), "used", &memory->used);
}
EXPORTED int nvmlDeviceGetCurrPcieLinkGeneration(Device, unsigned* generation) {
  return Give(Next("gen"), "gen", generation);
}
EXPORTED int nvmlDeviceGetCurrPcieLinkWidth(Device, unsigned* lanes) { return Give(Next("width"), "width", lanes); }
EXPORTED int nvmlDeviceGetMaxClockInfo(Device, int type, unsigned* mhz) {
  return type == 1 ? Give(state.limits, "max_sm", mhz) : kNotSupported;
}
EXPORTED int nvmlDeviceGetEnforcedPowerLimit(Device, unsigned* milliwatts) {
  return Give(state.limits, "enforced", milliwatts);
}
EXPORTED int nvmlDeviceGetPowerManagementDefaultLimit(Device, unsigned* milliwatts) {
  return Give(state.limits, "default", milliwatts);
}
#endif
