// A forwarder between an outbox in memory and a fake W&B, with a clock that tests move.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "coordinator/wandb/forwarder.hpp"
#include "fake_wandb.hpp"
#include "samples.hpp"

namespace rsg::wandb {

class ForwarderTest : public testing::Test {
 protected:
  ForwarderTest() { Restart(); }
  /// As after kill -9: nothing is left but what is stored.
  void Restart() {
    Forwarder::Options options;
    options.target = {.entity = "", .project = "ready-steady-go"};
    forwarder_ = std::make_unique<Forwarder>(options, &outbox_, &wandb_, &clock_);
  }
  void Go(double seconds) { RunFor(forwarder_.get(), &clock_, seconds); }
  FakeWandb::Run& RunAt(std::int64_t job) { return wandb_.runs().at("s3-" + std::to_string(job) + "-abc"); }
  void PutCompleted(std::int64_t job, std::uint32_t windows = 5) {
    store::RunContent run = RunOf(job);
    AddAttempt(&run, windows, v1::OUTCOME_COMPLETED);
    outbox_.Put(run);
  }
  schedule::WandbPhase Phase(std::int64_t job) { return outbox_.at(job).run.phase; }

  TestClock clock_;
  FakeWandb wandb_{&clock_};
  MemoryOutbox outbox_;
  std::unique_ptr<Forwarder> forwarder_;
};

}  // namespace rsg::wandb
