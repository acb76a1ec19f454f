// A sweep is queued; machines join it.
#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/validate.hpp"
#include "common/words.hpp"
#include "coordinator/schedule/coordinator.hpp"
#include "coordinator/schedule/text.hpp"

namespace rsg::schedule {
namespace {

constexpr std::size_t kMostRequestId = 128;
constexpr int kMostNotes = 16;

template <typename Values>
std::string Listed(const Values& values) {
  return fmt::format("{}", fmt::join(values, ", "));
}

// What no device at all could run is a mistake of the request, not a matter of waiting.
absl::Status CheckOffered(const v1::SweepSpec& spec, std::span<const Candidate> candidates) {
  std::set<std::string> precisions;
  std::set<std::string> models;
  for (const Candidate& candidate : candidates) {
    for (const int precision : candidate.device->precisions())
      precisions.insert(Word(static_cast<v1::Precision>(precision)));
    for (const std::string& model : candidate.agent->record.machine.models()) models.insert(model);
  }
  for (const int precision : spec.precisions())
    if (const std::string word = Word(static_cast<v1::Precision>(precision)); !precisions.contains(word))
      return absl::InvalidArgumentError(
          fmt::format("precision: {} is offered by no matching device that is attached; use {}", word,
                      precisions.empty() ? "other machines" : Listed(precisions)));
  for (const std::string& model : spec.models())
    if (!models.contains(model))
      return absl::InvalidArgumentError(
          fmt::format("model: the trainer of no matching machine that is attached has {}; use {}", model,
                      models.empty() ? "machines with a working rsg-trainer" : Listed(models)));
  return absl::OkStatus();
}

std::uint32_t Runnable(const Sweep& sweep, const Candidate& candidate) {
  const auto plan = sweep.plan();
  return static_cast<std::uint32_t>(std::count_if(plan.begin(), plan.end(), [&](const PlannedCell& cell) {
    return WhyNot(cell.cell, *candidate.device, candidate.agent->record.machine.models()).empty();
  }));
}

bool HasGpu(const v1::MachineFacts& machine) {
  return std::any_of(machine.devices().begin(), machine.devices().end(),
                     [](const v1::Device& device) { return device.kind() == v1::DEVICE_KIND_GPU; });
}

void AddNote(v1::SubmitSweepResponse* response, std::string note) {
  if (response->notes_size() < kMostNotes) response->add_notes(std::move(note));
}

}  // namespace

void Coordinator::Describe(const Sweep& sweep, std::span<const Candidate> candidates,
                           std::span<const Candidate> selected, v1::SubmitSweepResponse* response) const {
  const auto cells = static_cast<std::uint32_t>(sweep.plan().size());
  response->set_cells(cells);
  for (const Candidate& candidate : selected) {
    const std::uint32_t runnable = Runnable(sweep, candidate);
    response->set_jobs(response->jobs() + runnable);
    if (runnable < cells)
      AddNote(response, fmt::format("{} of agent {} cannot run {} of the cells; they are skipped there",
                                    candidate.device->name(), candidate.agent->record.name, cells - runnable));
  }
  // A driver and no GPU: most likely the agent's CUDA stack does not work there, and CPUs measure what was meant for
  // GPUs.
  if (sweep.record.device_kind == v1::DEVICE_KIND_CPU && sweep.record.spec.devices().kind() != v1::DEVICE_KIND_CPU)
    for (const Candidate& candidate : candidates)
      if (const v1::MachineFacts& machine = candidate.agent->record.machine;
          !machine.driver_version().empty() && !HasGpu(machine))
        AddNote(response, fmt::format("agent {} has an NVIDIA driver ({}) but shows no GPU; see its log",
                                      candidate.agent->record.name, OneLine(machine.driver_version(), 32)));
  if (selected.size() < candidates.size())
    AddNote(response, fmt::format("{} of {} matching devices are used", selected.size(), candidates.size()));
  if (!selected.empty()) return;
  const bool any = std::any_of(agents_.begin(), agents_.end(), [](const auto& a) { return a.second->session != 0; });
  AddNote(response,
          any ? "no attached machine matches; the sweep waits for one that does ('rsg agents list' shows what "
                "is attached)"
              : "no machine attached yet; the sweep starts when one joins ('rsg agents token' makes a join "
                "line)");
}

absl::StatusOr<v1::SubmitSweepResponse> Coordinator::SubmitSweep(const v1::SubmitSweepRequest& request, const Now& now,
                                                                 Effects& effects) {
  Advance(now);
  if (request.request_id().size() > kMostRequestId)
    return absl::InvalidArgumentError(fmt::format("request_id: longer than {} bytes", kMostRequestId));
  if (const auto known = requests_.find(request.request_id()); known != requests_.end() && !request.dry_run())
    return known->second;
  if (auto valid = rsg::Validate(request.spec()); !valid.ok()) return valid;
  SweepRecord record;
  record.spec = WithDefaults(request.spec());
  record.spec.set_name(OneLine(record.spec.name(), record.spec.name().size()));
  auto plan = PlanCells(record.spec);
  if (!plan.ok()) return plan.status();
  const v1::DeviceSelector& selector = record.spec.devices();
  std::vector<Candidate> candidates = Candidates(selector, selector.kind());
  record.device_kind = ResolveKind(selector, candidates);
  candidates = Candidates(selector, record.device_kind);
  if (!candidates.empty())
    if (auto offered = CheckOffered(record.spec, candidates); !offered.ok()) return offered;

  record.sweep = last_sweep_ + 1;
  record.request_id = request.request_id().empty() ? random_(16) : request.request_id();
  record.state = v1::SWEEP_STATE_QUEUED;
  record.submitted_unix = now.unix;
  Sweep sweep(std::move(record), *std::move(plan));
  const std::vector<Candidate> selected = Select(sweep, candidates);
  v1::SubmitSweepResponse response;
  Describe(sweep, candidates, selected, &response);
  if (request.dry_run()) return response;

  const std::int64_t number = ++last_sweep_;
  Sweep& live = sweeps_.emplace(number, std::move(sweep)).first->second;
  if (live.record.spec.devices().has_open_for_seconds())
    live.open_until = now.monotonic + live.record.spec.devices().open_for_seconds();
  response.set_sweep_id(SweepId(number));
  requests_[live.record.request_id] = response;
  effects.changes.push_back(PutSweep{live.record});
  effects.log.push_back(
      {.level = LogEntry::Level::kInfo,
       .text = fmt::format("sweep {} queued: {} cells, {} jobs", SweepId(number), response.cells(), response.jobs()),
       .fields = FieldsOf(SweepId(number))});
  Join(live, selected, now, effects);
  Settle(now, effects);
  return response;
}

void Coordinator::Join(Sweep& sweep, std::span<const Candidate> selected, const Now& now, Effects& effects) {
  if (selected.empty()) return;
  if (sweep.record.state == v1::SWEEP_STATE_QUEUED) {
    sweep.record.state = v1::SWEEP_STATE_RUNNING;
    effects.changes.push_back(PutSweep{sweep.record});
  }
  for (const Candidate& candidate : selected) {
    const std::int64_t first = sweep.AddDevice(*candidate.device, candidate.agent->record.machine, now.unix);
    for (std::int64_t job = first; job <= sweep.job_count(); ++job) PutJobChange(sweep, job, effects);
  }
}

void Coordinator::JoinOpenSweeps(Agent& agent, const Now& now, Effects& effects) {
  for (auto& [number, sweep] : sweeps_) {
    // Closed for newcomers; but one that nobody came to in time still takes its first machine.
    if (sweep.open_until && now.monotonic >= *sweep.open_until && sweep.job_count() > 0) continue;
    const v1::DeviceSelector& selector = sweep.record.spec.devices();
    std::vector<Candidate> candidates;
    AddCandidates(selector, sweep.record.device_kind, agent, &candidates);
    std::vector<Candidate> selected = Select(sweep, candidates);
    if (selected.empty()) continue;
    if (sweep.record.device_kind == v1::DEVICE_KIND_UNSPECIFIED) {
      sweep.Decide(ResolveKind(selector, selected));
      std::erase_if(selected, [&](const Candidate& c) { return c.device->kind() != sweep.record.device_kind; });
    }
    Log(agent, LogEntry::Level::kInfo,
        fmt::format("joins sweep {} with {} device(s)", SweepId(number), selected.size()), effects,
        FieldsOf(SweepId(number)));
    Join(sweep, selected, now, effects);
  }
}

}  // namespace rsg::schedule
