// What rsg-trainer is compared with: ResNet-50 and its training loop written out in plain ATen calls, with nothing of
// ours in it.
#pragma once
#include <cstdint>
#include <memory>

namespace rsg::bench {

class BareLoop {
 public:
  BareLoop(std::int64_t batch_size, std::int64_t image_size, bool channels_last);
  ~BareLoop();
  /// Trains `steps` steps; done on return.
  void Run(std::uint32_t steps);
  double Loss() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Seconds that taking and giving back one tensor's memory costs now, by the allocator in force.
double AllocationSeconds();
/// How often one step of `loop` takes memory for a tensor.
std::uint64_t AllocationsPerStep(BareLoop* loop);
/// Intra-op threads and CPU capability of LibTorch.
int Threads();

}  // namespace rsg::bench
