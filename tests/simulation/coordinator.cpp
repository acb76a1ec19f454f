#include "coordinator.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "text.hpp"

namespace rsg::sim {
namespace {

// The path must be one that can be made, for the store makes its file private before SQLite opens it; what is in it is
// on the simulated disk.
constexpr char kDatabase[] = "/dev/null";
constexpr std::string_view kUnknownAgent = "credential";  // one that enrolled after the backup
constexpr std::size_t kMostQueued = 256;                  // messages to one agent; agent_stream.cpp cuts it off there

}  // namespace

class Coordinator::Outlet final : public server::Outlet {
 public:
  Outlet(Coordinator* coordinator, std::shared_ptr<Stream> stream, std::string credential_sha256)
      : coordinator_(coordinator), stream_(std::move(stream)), credential_sha256_(std::move(credential_sha256)) {}

  void Send(v1::CoordinatorMessage message) override {
    if (coordinator_->disk_->off()) return;  // the power failed after the commit
    Basis& basis = *coordinator_->basis_;
    if (basis.tracing) basis.Tell("coordinator: sends {}", Describe(message));
    if (message.has_welcome()) coordinator_->ledger_->Heard(credential_sha256_);
    coordinator_->ledger_->Promised(message);
    coordinator_->audit_->CheckPromise(message);
    if (stream_->answers_under_way() >= kMostQueued) basis.Violate("{} messages wait for one agent", kMostQueued);
    stream_->Answer(std::move(message));
  }
  void Close(const absl::Status& reason) override {
    if (coordinator_->disk_->off()) return;
    coordinator_->basis_->Tell("coordinator: closes a stream: {}", std::string(reason.message()));
    stream_->Close(reason);
  }
  void Cut() override { stream_->Cut(); }

 private:
  Coordinator* coordinator_;
  std::shared_ptr<Stream> stream_;
  const std::string credential_sha256_;
};

class Coordinator::Watcher final : public server::Watcher {
 public:
  Watcher(Coordinator* coordinator, std::int64_t sweep) : coordinator_(coordinator), sweep_(sweep) {}
  void Update(const v1::SweepStatus& status) override { last_ = status; }
  void Close(const absl::Status& reason) override {
    if (coordinator_->disk_->off()) return;
    if (reason.ok()) return coordinator_->ledger_->Ended(last_);
    coordinator_->basis_->time.After(2, [coordinator = coordinator_, sweep = sweep_] { coordinator->Watch(sweep); });
  }
  bool Listens() const override { return true; }

 private:
  Coordinator* coordinator_;
  std::int64_t sweep_;
  v1::SweepStatus last_;
};

Coordinator::Coordinator(Basis* basis, Ledger* ledger, Disk* disk, Audit* audit, const schedule::Settings& settings)
    : basis_(basis), ledger_(ledger), disk_(disk), audit_(audit), settings_(settings) {}

Coordinator::~Coordinator() { audit_->Close(); }

const char* Coordinator::database() { return kDatabase; }

void Coordinator::Start() {
  if (core_) return;
  born_ = basis_->random.Between(1, 1e5) - basis_->time.now();
  server::Core::Options options;
  options.database = kDatabase;
  options.settings = settings_;
  options.clock = this;
  options.random = [basis = basis_](std::size_t bytes) { return basis->random.Hex(bytes); };
  auto core = server::Core::Open(options);
  if (core.ok() && !disk_->off()) {
    basis_->Tell("coordinator: up");
    core_ = *std::move(core);
    ++life_;
    ledger_->CoordinatorStarted();
    audit_->Open(kDatabase);
    audit_->CheckAll();
    return PlanRound(basis_->time.now());
  }
  basis_->Tell("coordinator: does not start: {}",
               core.ok() ? "the power failed" : std::string(core.status().message()));
  if (absl::IsDataLoss(core.status()) || absl::IsFailedPrecondition(core.status()))
    return basis_->Violate("the database cannot be opened any more: {}", std::string(core.status().message()));
  if (core.ok()) core->reset();
  if (disk_->off()) disk_->PowerOn(Disk::Crash::kPower);
  basis_->time.After(basis_->random.Between(0.5, 5), [this] { Start(); });
}

void Coordinator::PlanRound(double when) {
  when = std::max({when, basis_->time.now(), frozen_until_});
  if (round_at_ >= 0 && round_at_ <= when) return;
  round_at_ = when;
  basis_->time.At(when, [this, plan = ++round_plan_] {
    if (plan == round_plan_) Round();
  });
}

void Coordinator::Poke() {
  if (core_) PlanRound(basis_->time.now() + basis_->random.Exponential(slowness_));
}

void Coordinator::Round() {
  round_at_ = -1;
  if (!core_) return;
  if (basis_->time.now() < frozen_until_) return PlanRound(frozen_until_);
  core_->Round();
  if (disk_->off()) {
    basis_->Tell("coordinator: the power failed in the middle of its work");
    return GoDown(Disk::Crash::kPower, basis_->random.Between(0.5, 30));
  }
  audit_->CheckRound();
  ledger_->RoundOver();
  if (core_->Due() <= Monotonic()) basis_->Violate("the coordinator would spin: a round is due and does nothing");
  // It waits in milliseconds, rounded up.
  PlanRound(basis_->time.now() + std::ceil((core_->Due() - Monotonic()) * 1000) / 1000);
  std::erase_if(streams_, [](const auto& stream) { return stream->done(); });
}

void Coordinator::Enrol(const Box& box, std::function<void(const absl::Status&)> done) {
  // Lost on the way there or back, or with the coordinator: the call's deadline tells.
  const auto open = std::make_shared<bool>(true);
  const auto once = [open, done = std::move(done)](const absl::Status& status) {
    if (std::exchange(*open, false)) done(status);
  };
  basis_->time.After(30, [once] { once(absl::DeadlineExceededError("no answer")); });
  const double there = basis_->random.Exponential(0.1);
  const double back = basis_->random.Exponential(0.1);
  const bool lost = !basis_->calm && basis_->random.Chance(0.1);
  if (lost && basis_->random.Chance(0.5)) return;
  v1::EnrollRequest request;
  request.set_join_token(box.join_token);
  request.set_credential_sha256(box.secret_sha256);
  request.set_name(box.name);
  const auto answer = [this, back, lost, once](const absl::Status& status) {
    if (!lost) basis_->time.After(back, [once, status] { once(status); });
  };
  basis_->time.After(there, [this, request, answer] {
    auto reply = std::make_shared<absl::Status>();
    Post([request, reply](auto& coordinator, const auto& now,
                          auto& effects) { *reply = coordinator.Enroll(request, now, effects).status(); },
         [this, request, reply, answer](const absl::Status& committed) {
           if (committed.ok() && reply->ok()) ledger_->Enrolled(request.credential_sha256());
           answer(committed.ok() ? *reply : committed);
         });
  });
}

void Coordinator::Post(server::Core::Action action, server::Core::Done done) {
  if (!core_) return done(absl::UnavailableError("connection refused"));
  // Answers of a coordinator that is down by then go nowhere, but whoever asked learns that.
  core_->Post(std::move(action), [this, done = std::move(done)](const absl::Status& status) {
    done(disk_->off() ? absl::UnavailableError("the connection broke") : status);
  });
  Poke();
}

// Storing fails for the disk's sake only: what the store itself refuses, nobody should have decided.
void Coordinator::CheckRefusal(const absl::Status& status) {
  for (const char* refusal : {"attempt s", "already there", "refused by the schema"})
    if (absl::StrContains(status.message(), refusal))
      basis_->Violate("the store refuses a decision: {}", std::string(status.message()));
}

void Coordinator::ProbeRejected() {
  Post(
      [this](schedule::Coordinator& coordinator, const schedule::Now&, schedule::Effects&) {
        for (const std::string_view reason : {"gap", "window", "result", "hello", "empty", "credential"})
          if (coordinator.rejected().contains(std::string(reason)) &&
              !(ledger_->was_put_back() && reason == kUnknownAgent))
            basis_->Violate("the coordinator rejects something as '{}', and nobody lies here", reason);
      },
      [this](const absl::Status& status) { CheckRefusal(status); });
}

void Coordinator::Watch(std::int64_t sweep) {
  if (!core_) {
    basis_->time.After(2, [this, sweep] { Watch(sweep); });
    return;
  }
  auto watcher = std::make_shared<Watcher>(this, sweep);
  core_->Watch(sweep, watcher, [this, sweep](const absl::Status& status) {
    if (status.ok() || absl::IsNotFound(status) || disk_->off()) return;
    basis_->time.After(2, [this, sweep] { Watch(sweep); });
  });
  Poke();
}

std::shared_ptr<Stream> Coordinator::Dial(const Box& box, const Weather& weather, Stream::AgentEnd agent) {
  auto slot = std::make_shared<std::weak_ptr<Stream>>();
  auto session = std::make_shared<schedule::SessionId>(0);
  auto life = std::make_shared<std::uint64_t>(0);
  Stream::CoordinatorEnd end;
  end.opened = [this, slot, session, life, dialled = life_, hash = box.secret_sha256, name = box.name] {
    const std::shared_ptr<Stream> stream = slot->lock();
    // TLS binds a stream to one process at either end; who has given it up makes no new one.
    if (!core_ || (stream->ghost() && dialled != life_)) return stream->CoordinatorDies(true);
    *life = life_;
    *session = core_->NewSession();
    basis_->Tell("coordinator: stream {} of {} opens", *session, name);
    core_->OpenSession(*session, std::make_shared<Outlet>(this, stream, hash), hash,
                       [stream](const absl::Status& status) {
                         if (status.ok()) stream->ReadNext();
                       });
    Poke();
  };
  end.hear = [this, slot, session, life, hash = box.secret_sha256, name = box.name](v1::AgentMessage message) {
    if (!core_ || *life != life_) return;
    const std::shared_ptr<Stream> stream = slot->lock();
    // Else it belongs to a session that is over, or, with Hello, may belong to one that is not the newest.
    if (!stream->closing() && !message.has_hello()) ledger_->Heard(hash);
    if (const std::string text = basis_->tracing ? Describe(message) : ""; !text.empty())
      basis_->Tell("coordinator: reads on stream {} of {}: {}", *session, name, text);
    core_->Receive(*session, std::move(message), [this, stream](const absl::Status& status) {
      if (status.ok()) return stream->ReadNext();
      CheckRefusal(status);
      stream->Close(status);
    });
    Poke();
  };
  end.over = [this, session, life](bool in_good_order) {
    if (!core_ || *life != life_) return;
    basis_->Tell("coordinator: stream {} is over", *session);
    core_->CloseSession(*session, in_good_order);
    Poke();
  };
  auto stream = std::make_shared<Stream>(basis_, &weather, std::move(agent), std::move(end));
  *slot = stream;
  streams_.push_back(stream);
  stream->Dial();
  if (basis_->time.now() < weather.stands_until) {
    stream->Stall(true);
    basis_->time.At(weather.stands_until, [stream] { stream->Stall(false); });
  }
  return stream;
}

void Coordinator::Kill(Disk::Crash crash, double down_for) {
  if (!core_) return;
  basis_->Tell("coordinator: {}", crash == Disk::Crash::kPower ? "its power fails" : "is killed");
  disk_->FailPower();
  GoDown(crash, down_for);
}

void Coordinator::GoDown(Disk::Crash crash, double down_for) {
  audit_->Close();
  core_.reset();
  disk_->PowerOn(crash);
  const bool noticed = crash == Disk::Crash::kProcess || basis_->random.Chance(0.5);
  for (const std::shared_ptr<Stream>& stream : streams_) stream->CoordinatorDies(noticed);
  basis_->time.After(down_for, [this] { Start(); });
}

void Coordinator::Stop(double down_for) {
  if (!core_) return;
  basis_->Tell("coordinator: is ended in good order");
  for (const std::shared_ptr<Stream>& stream : streams_)
    if (!stream->opened()) stream->CoordinatorDies(true);
  for (const std::shared_ptr<Stream>& stream : streams_)
    stream->Close(absl::UnavailableError("the coordinator is stopping; it can be reached again later"));
  audit_->Close();
  core_.reset();
  ++life_;
  if (disk_->off()) disk_->PowerOn(Disk::Crash::kPower);
  basis_->time.After(down_for, [this] { Start(); });
}

void Coordinator::Freeze(double seconds) {
  basis_->Tell("coordinator: frozen for {:.1f} s", seconds);
  frozen_until_ = std::max(frozen_until_, basis_->time.now() + seconds);
}

void Coordinator::Thaw() {
  frozen_until_ = 0;
  Poke();
}

}  // namespace rsg::sim
