#include "coordinator/schedule/control.hpp"

#include <algorithm>
#include <cmath>

#include "common/models.hpp"
#include "common/percent.hpp"

namespace rsg::schedule {
namespace {

constexpr char kModel[] = "resnet18";
constexpr std::uint32_t kGpuBatchSize = 32;
constexpr std::uint32_t kCpuBatchSize = 4;
constexpr double kSeconds = 5;
// Warm-up and measurement together: a slow CPU's warm-up takes several times as long as five seconds.
constexpr double kMaxSeconds = 60;

bool HasInterval(const v1::ControlPoint& point) {
  return point.has_throughput() && point.has_ci_low() && point.has_ci_high();
}

double RelativeHalfWidth(const v1::ControlPoint& point) {
  return rsg::HalfWidth(point.throughput(), point.ci_low(), point.ci_high());
}

v1::Drift* FindOrAdd(const v1::Job& job, google::protobuf::RepeatedPtrField<v1::Drift>* drift) {
  // From the back: a device's two jobs come one soon after the other.
  for (int i = drift->size() - 1; i >= 0; --i)
    if (drift->Get(i).device_id() == job.device_id()) return drift->Mutable(i);
  if (drift->size() >= kMostDriftShown) return nullptr;
  v1::Drift* added = drift->Add();
  added->set_device_id(job.device_id());
  added->set_device_name(job.device_name());
  return added;
}

}  // namespace

v1::Cell ControlCell(const v1::SweepSpec& spec, v1::DeviceKind kind) {
  const ModelEntry* model = FindModel(kModel);
  const std::uint32_t own_size = model->default_image_size;
  v1::Cell cell;
  cell.set_model(kModel);
  cell.set_batch_size(kind == v1::DEVICE_KIND_CPU ? kCpuBatchSize : kGpuBatchSize);
  cell.set_image_size(spec.image_sizes().empty() ? own_size
                                                 : std::clamp(spec.image_sizes(0), model->min_image_size, own_size));
  cell.set_precision(v1::PRECISION_FP32);
  cell.set_memory_format(v1::MEMORY_FORMAT_NCHW);
  cell.set_mode(v1::MODE_STANDARD);
  return cell;
}

v1::Limits ControlLimits(const v1::Limits& limits) {
  v1::Limits control;
  control.set_seconds(limits.has_seconds() ? std::min(kSeconds, limits.seconds()) : kSeconds);
  control.set_max_seconds(std::min(kMaxSeconds, limits.max_seconds()));
  // Whoever caps the trainer may share the device with somebody.
  if (limits.has_memory_limit_mib()) control.set_memory_limit_mib(limits.memory_limit_mib());
  return control;
}

void AddControl(const v1::Job& job, google::protobuf::RepeatedPtrField<v1::Drift>* drift) {
  v1::Drift* of_device = FindOrAdd(job, drift);
  if (of_device == nullptr) return;
  if (!job.agent_name().empty()) of_device->set_agent_name(job.agent_name());
  v1::ControlPoint& point = job.repeat() == kControlStart ? *of_device->mutable_start() : *of_device->mutable_end();
  point.set_job_id(job.job_id());
  if (job.state() == v1::JOB_STATE_ENDED) {
    point.set_outcome(job.outcome());
    point.set_reason(job.reason());
    point.set_verdict(job.verdict());
    if (job.has_throughput()) point.set_throughput(job.throughput());
    if (job.has_ci_low()) point.set_ci_low(job.ci_low());
    if (job.has_ci_high()) point.set_ci_high(job.ci_high());
  }
  SetShare(of_device);
}

void SetShare(v1::Drift* drift) {
  const v1::ControlPoint& start = drift->start();
  const v1::ControlPoint& end = drift->end();
  drift->clear_share();
  drift->clear_half_width();
  if (!start.has_throughput() || !end.has_throughput() || !(start.throughput() > 0) || !(end.throughput() > 0)) return;
  const double ratio = end.throughput() / start.throughput();
  drift->set_share(ratio - 1);
  if (HasInterval(start) && HasInterval(end))
    drift->set_half_width(ratio * std::hypot(RelativeHalfWidth(start), RelativeHalfWidth(end)));
}

}  // namespace rsg::schedule
