// Random walks over faults: streams break, processes and the coordinator restart, messages are repeated, in any order.
// Memory checks every step against the rules of the store; at the end every job has ended.
#include <algorithm>
#include <list>
#include <random>
#include <set>

#include "common/cells.hpp"
#include "world.hpp"

namespace rsg::schedule {
namespace {

Settings WithJobsAhead(int jobs) {
  Settings settings;
  settings.jobs_ahead = static_cast<std::uint32_t>(jobs);
  return settings;
}

class Walk : public World, public testing::WithParamInterface<int> {
 protected:
  Walk() : World(WithJobsAhead(GetParam() % 3 * 2)) {}

  // One agent as a simple program: it does what it is told, one attempt after the other, and repeats itself.
  struct Hand {
    v1::Assign assign;
    std::uint32_t made = 0;
    std::uint32_t acked = 0;
    bool finished = false;
  };
  struct Program {
    Peer peer;
    std::list<Hand> hands;
  };

  static Hand* Find(Program& agent, const std::string& attempt_id) {
    const auto hand = std::find_if(agent.hands.begin(), agent.hands.end(),
                                   [&](const Hand& it) { return it.assign.attempt_id() == attempt_id; });
    return hand == agent.hands.end() ? nullptr : &*hand;
  }
  static void Forget(Program& agent, const std::string& attempt_id) {
    agent.hands.remove_if([&](const Hand& hand) { return hand.assign.attempt_id() == attempt_id; });
  }

  void Hear(Program& agent) {
    for (const v1::CoordinatorMessage& message : Take(agent.peer)) {
      if (message.has_assign() && Find(agent, message.assign().attempt_id()) == nullptr) {
        agent.hands.push_back({.assign = message.assign()});
        Decide(message.assign());
      }
      if (message.has_ack()) {
        if (Hand* hand = Find(agent, message.ack().attempt_id())) {
          hand->acked = message.ack().sequence();
          Acked(hand->assign.attempt_id(), hand->acked);
        }
      }
      if (message.has_cancel()) {
        if (const Hand* hand = Find(agent, message.cancel().attempt_id())) {
          const Hand over = *hand;
          Forget(agent, over.assign.attempt_id());
          if (agent.peer.session != 0 && Chance(70))
            SayFinished(agent.peer, over.assign, v1::OUTCOME_CANCELLED, over.made);
        }
      }
      if (message.has_finished_ack()) Forget(agent, message.finished_ack().attempt_id());
    }
  }

  void Acked(const std::string& attempt, std::uint32_t sequence) {
    const auto key = *ParseAttemptId(attempt);
    const auto stored = memory.windows.find(key);
    EXPECT_EQ(stored == memory.windows.end() ? 0 : stored->second.size(), sequence) << "acknowledged but not stored";
  }

  void Connect(Program& agent) {
    std::vector<v1::AttemptInHand> in_hand;
    for (const Hand& hand : agent.hands) {
      in_hand.push_back(InHand(hand.assign, hand.made, hand.finished));
      in_hand.back().set_queued(hand.made == 0);
    }
    Attach(agent.peer, in_hand);
  }

  v1::Outcome OutcomeOf(const Hand& hand) { return outcome_.at(*ParseAttemptId(hand.assign.attempt_id())); }

  // The first that has not ended and that nothing before it has shown to run out of memory.
  Hand* Running(Program& agent) {
    for (Hand& hand : agent.hands) {
      const bool pruned = std::any_of(agent.hands.begin(), agent.hands.end(), [&](const Hand& other) {
        return other.finished && OutcomeOf(other) == v1::OUTCOME_OUT_OF_MEMORY &&
               other.assign.device_id() == hand.assign.device_id() && Prunes(other.assign.cell(), hand.assign.cell());
      });
      if (!hand.finished && !pruned) return &hand;
    }
    return nullptr;
  }

  void Measure(Program& agent) {
    Hand* hand = Running(agent);
    if (hand == nullptr) return;
    if (hand->made == 0 && agent.peer.session != 0 && Chance(50)) SayStarted(agent.peer, hand->assign);
    hand->made += 1 + static_cast<std::uint32_t>(Pick(2));
    hand->finished = hand->made >= 6;
  }

  void Work(Program& agent) {
    Measure(agent);
    std::vector<std::string> ids;
    for (const Hand& hand : agent.hands) ids.push_back(hand.assign.attempt_id());
    for (const std::string& id : ids) {
      const Hand* hand = Find(agent, id);
      // Some of what was sent before is sent again; sometimes a piece is lost.
      if (hand != nullptr && hand->made > hand->acked) {
        const std::uint32_t from = 1 + static_cast<std::uint32_t>(Pick(static_cast<int>(hand->acked) + 2));
        if (from <= hand->made) SayWindows(agent.peer, hand->assign, from, hand->made);
      }
      Hear(agent);
      hand = Find(agent, id);
      if (hand == nullptr || !hand->finished) continue;
      SayFinished(agent.peer, hand->assign, OutcomeOf(*hand), hand->made);
      if (Chance(80)) Hear(agent);
    }
  }

  void Step(std::vector<Program>& agents) {
    Program& agent = agents[static_cast<std::size_t>(Pick(static_cast<int>(agents.size())))];
    switch (const int dice = Pick(100); dice < 55   ? 0
                                        : dice < 65 ? 1
                                        : dice < 71 ? 2
                                        : dice < 75 ? 3
                                        : dice < 85 ? 4
                                        : dice < 92 ? 5
                                                    : 6) {
      case 0:
        if (agent.peer.session == 0) Connect(agent);
        Hear(agent);
        Work(agent);
        break;
      case 1:
        if (agent.peer.session != 0) Detach(agent.peer);
        break;
      case 2:
        agent.hands.clear();  // the process dies, with its child
        NewProcess(agent.peer);
        if (Chance(50) && agent.peer.session != 0) Detach(agent.peer);
        Connect(agent);
        break;
      case 3:
        Restart();
        for (Program& other : agents) other.peer.session = 0;
        break;
      case 4:
        if (agent.peer.session != 0) Connect(agent);  // a new stream before the old one is known to be dead
        break;
      case 5:
        for (int i = 0; i < 8 && agent.peer.session == 0; ++i) Measure(agent);  // alone
        break;
      default:
        Pass(3);
    }
  }

  void Decide(const v1::Assign& assign) {
    const auto key = *ParseAttemptId(assign.attempt_id());
    if (outcome_.contains(key)) return;
    const int dice = Pick(100);
    outcome_[key] = dice < 70   ? v1::OUTCOME_COMPLETED
                    : dice < 80 ? v1::OUTCOME_FAILED
                    : dice < 90 ? v1::OUTCOME_OUT_OF_MEMORY
                                : v1::OUTCOME_LOST;
  }

  // What a sweep says of itself at its end is what is stored, and control jobs are not among its counts.
  void CheckEnds() {
    for (const v1::SweepStatus& status : ended) {
      const std::int64_t sweep = *ParseSweepId(status.sweep_id());
      std::uint32_t measurements = 0;
      std::uint32_t completed = 0;
      std::set<std::string> devices;
      for (const auto& [key, job] : memory.jobs) {
        if (key.sweep != sweep) continue;
        devices.insert(job.device_id);
        measurements += job.role == v1::ROLE_MEASUREMENT ? 1 : 0;
        completed += job.role == v1::ROLE_MEASUREMENT && job.outcome == v1::OUTCOME_COMPLETED ? 1 : 0;
      }
      EXPECT_EQ(status.counts().total(), measurements);
      EXPECT_EQ(status.counts().completed(), completed);
      EXPECT_EQ(status.drift_size(), status.spec().control() ? static_cast<int>(devices.size()) : 0);
      for (const v1::Drift& drift : status.drift())
        for (const v1::ControlPoint* point : {&drift.start(), &drift.end()}) {
          const JobKey key = *ParseJobId(point->job_id());
          EXPECT_EQ(memory.jobs.at(key).outcome, point->outcome());
          EXPECT_EQ(memory.results.contains(key), point->has_throughput()) << point->job_id();
        }
    }
  }

  int Pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
  bool Chance(int percent) { return Pick(100) < percent; }

  std::mt19937 random_{static_cast<unsigned>(GetParam())};
  std::map<AttemptKey, v1::Outcome> outcome_;
};

TEST_P(Walk, KeepsTheRulesAndEnds) {
  std::vector<Program> agents(3);
  for (std::size_t i = 0; i < agents.size(); ++i)
    agents[i].peer =
        Enrol("agent" + std::to_string(i), {Gpu("GPU-" + std::to_string(i / 2)), Cpu("CPU-" + std::to_string(i))});
  v1::SweepSpec spec = GetParam() % 2 == 0 ? Spec({2, 4, 8}) : ControlledSpec({2, 4, 8});
  spec.set_repeats(2);
  Submit(spec);
  for (int i = 0; i < 150; ++i) {
    Step(agents);
    if (i == 60) {
      spec.mutable_devices()->set_kind(v1::DEVICE_KIND_CPU);
      Submit(spec);
    }
    if (i == 100 && coordinator->IsLive(1) && Chance(30)) {
      EXPECT_TRUE(coordinator->CancelSweep(1, now, effects).ok());
      Commit();
    }
  }
  // In the end everybody is there and works in peace.
  for (Program& agent : agents) Connect(agent);
  for (int i = 0; i < 2000 && (coordinator->IsLive(1) || coordinator->IsLive(2)); ++i) {
    for (Program& agent : agents) {
      Hear(agent);
      Work(agent);
    }
    Pass(1);
  }
  EXPECT_FALSE(coordinator->IsLive(1));
  EXPECT_FALSE(coordinator->IsLive(2));
  for (const auto& [key, job] : memory.jobs) EXPECT_EQ(job.state, v1::JOB_STATE_ENDED) << Id(key);
  for (const auto& [key, attempt] : memory.attempts) EXPECT_EQ(attempt.state, v1::JOB_STATE_ENDED) << Id(key);
  CheckEnds();
}

INSTANTIATE_TEST_SUITE_P(Seeds, Walk, testing::Range(1, 101));

}  // namespace
}  // namespace rsg::schedule
