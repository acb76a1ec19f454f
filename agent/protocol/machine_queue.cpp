// Attempts that were handed out ahead: when the next one begins, and which of them do not.
#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "agent/protocol/machine.hpp"
#include "common/cells.hpp"
#include "common/words.hpp"

namespace rsg::agent {
namespace {

// "s3" of "s3.14.2": sweeps may cap the memory differently, and prune none of each other's cells.
std::string_view SweepOf(const v1::Assign& assign) {
  return std::string_view(assign.attempt_id()).substr(0, assign.attempt_id().find('.'));
}

bool Prunes(const v1::Assign& failed, const v1::Assign& assign) {
  return SweepOf(failed) == SweepOf(assign) && failed.device_id() == assign.device_id() &&
         rsg::Prunes(failed.cell(), assign.cell());
}

}  // namespace

// The child before is gone, so the device is free. Nothing begins that could not keep its windows.
void Machine::StartNext() {
  if (Running() != nullptr || draining_ || stop_code_ || spool_was_full_) return;
  const auto next = std::find_if(hands_.begin(), hands_.end(),
                                 [this](const InHand& hand) { return IsQueued(hand) && PrunerOf(hand) == nullptr; });
  if (next == hands_.end()) return;
  const v1::Assign& assign = next->assign;
  const v1::Device& device = *FindDevice(assign.device_id());
  next->child.emplace(assign, settings_.kill_after_seconds(), now_);
  Say(Log::Level::kInfo,
      absl::StrCat(assign.attempt_id(), ": ", assign.cell().model(), ", batch size ", assign.cell().batch_size(), ", ",
                   Word(assign.cell().precision()), ", ", Word(assign.cell().memory_format()), ", on ", device.name()),
      FieldsOf(assign.attempt_id()));
  actions_.emplace_back(Keep{assign.attempt_id(), assign});
  actions_.emplace_back(Spawn{assign, device});
}

// The attempt in hand that ran out of memory and shows that this one would, too. The coordinator cancels it once it has
// heard; until then it waits.
const Machine::InHand* Machine::PrunerOf(const InHand& queued) const {
  const auto pruner = std::find_if(hands_.begin(), hands_.end(), [&](const InHand& hand) {
    return hand.out_of_memory && Prunes(hand.assign, queued.assign);
  });
  return pruner == hands_.end() ? nullptr : &*pruner;
}

void Machine::HandBack(InHand* queued, const std::string& reason) {
  EndWithout(queued, v1::OUTCOME_LOST, absl::StrCat("handed back, never begun: ", reason));
}

void Machine::HandBackQueue(const std::string& reason) {
  for (InHand& hand : hands_)
    if (IsQueued(hand)) HandBack(&hand, reason);
}

// The coordinator knows of `pruner` what there is to know, and has not cancelled these, or its Cancel is still to come.
void Machine::HandBackPrunedBy(const InHand& pruner) {
  for (InHand& hand : hands_)
    if (IsQueued(hand) && PrunerOf(hand) == &pruner)
      HandBack(&hand, absl::StrCat(pruner.assign.attempt_id(), " ran out of memory at batch size ",
                                   pruner.assign.cell().batch_size()));
}

}  // namespace rsg::agent
