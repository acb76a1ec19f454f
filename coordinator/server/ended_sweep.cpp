#include "coordinator/server/ended_sweep.hpp"

#include <set>
#include <string>

#include "coordinator/schedule/control.hpp"
#include "coordinator/schedule/plan.hpp"
#include "coordinator/schedule/sweep.hpp"

namespace rsg::server {

v1::SweepStatus StatusOf(const store::StoredSweep& stored) {
  v1::SweepStatus status;
  status.set_sweep_id(schedule::SweepId(stored.sweep.sweep));
  *status.mutable_spec() = stored.sweep.spec;
  status.set_state(stored.sweep.state);
  status.set_submitted_unix_seconds(stored.sweep.submitted_unix);
  if (stored.sweep.ended_unix) status.set_ended_unix_seconds(*stored.sweep.ended_unix);
  if (const auto plan = schedule::PlanCells(stored.sweep.spec); plan.ok())
    status.set_cells(static_cast<std::uint32_t>(plan->size()));
  std::set<std::string> devices;
  for (const schedule::JobRecord& job : stored.jobs) {
    devices.insert(job.device_id);
    if (job.role == v1::ROLE_CONTROL) continue;
    schedule::CountJob(job.state, job.outcome, 1, status.mutable_counts());
  }
  status.mutable_counts();
  for (const v1::Job& control : stored.controls) schedule::AddControl(control, status.mutable_drift());
  status.set_devices(static_cast<std::uint32_t>(devices.size()));
  return status;
}

}  // namespace rsg::server
