#include "trainer_bare_loop.hpp"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_sgd.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/zeros.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/GradMode.h>

#include <chrono>
#include <vector>

namespace rsg::bench {
namespace {

struct ConvNorm {
  at::Tensor weight, gamma, beta, mean, variance, batches;
  std::int64_t stride, padding;
};

struct Bottleneck {
  ConvNorm a, b, c;
  bool strided_shortcut;
  ConvNorm shortcut;
};

at::Tensor ConvThenNorm(ConvNorm& layer, const at::Tensor& x) {
  layer.batches.add_(1);
  return at::batch_norm(at::conv2d(x, layer.weight, {}, layer.stride, layer.padding), layer.gamma, layer.beta,
                        layer.mean, layer.variance, true, 0.1, 1e-5, true);
}

}  // namespace

struct BareLoop::State {
  ConvNorm stem;
  std::vector<Bottleneck> blocks;
  at::Tensor fc_weight, fc_bias;
  std::vector<at::Tensor> parameters;
  at::Tensor images, labels, loss;
  bool channels_last = false;

  at::Tensor Parameter(at::Tensor value) {
    if (channels_last && value.dim() == 4)
      value = value.to(at::kCPU, at::kFloat, false, false, at::MemoryFormat::ChannelsLast);
    value.set_requires_grad(true);
    parameters.push_back(value);
    return value;
  }

  ConvNorm Layer(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, double gamma = 1) {
    ConvNorm layer;
    layer.weight = Parameter(at::randn({out, in, kernel, kernel}).mul_(0.05));
    layer.gamma = Parameter(at::ones({out}).mul_(gamma));
    layer.beta = Parameter(at::zeros({out}));
    layer.mean = at::zeros({out});
    layer.variance = at::ones({out});
    layer.batches = at::zeros({}, at::TensorOptions().dtype(at::kLong));
    layer.stride = stride;
    layer.padding = kernel / 2;
    return layer;
  }

  at::Tensor Forward() {
    at::Tensor x = ConvThenNorm(stem, images);
    at::relu_(x);
    x = at::max_pool2d(x, 3, 2, 1);
    for (Bottleneck& block : blocks) {
      at::Tensor y = ConvThenNorm(block.a, x);
      at::relu_(y);
      y = ConvThenNorm(block.b, y);
      at::relu_(y);
      y = ConvThenNorm(block.c, y);
      y.add_(block.strided_shortcut ? ConvThenNorm(block.shortcut, x) : x);
      at::relu_(y);
      x = y;
    }
    return at::linear(at::adaptive_avg_pool2d(x, {1, 1}).flatten(1), fc_weight, fc_bias);
  }

  void Step() {
    for (at::Tensor& parameter : parameters) parameter.mutable_grad().reset();
    const at::Tensor now = at::cross_entropy_loss(Forward(), labels);
    now.backward();
    const c10::NoGradGuard no_grad;
    std::vector<at::Tensor> gradients;
    gradients.reserve(parameters.size());
    for (const at::Tensor& parameter : parameters) gradients.push_back(parameter.grad());
    at::_fused_sgd_(parameters, gradients, {}, 5e-5, 0, 1e-5, 0, false, false, false);
    loss = now.detach();
  }
};

BareLoop::BareLoop(std::int64_t batch_size, std::int64_t image_size, bool channels_last)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.channels_last = channels_last;
  s.stem = s.Layer(3, 64, 7, 2);
  std::int64_t in = 64;
  const std::int64_t depths[] = {3, 4, 6, 3};
  for (int stage = 0; stage < 4; ++stage) {
    const std::int64_t width = 64 << stage;
    for (std::int64_t i = 0; i < depths[stage]; ++i) {
      const std::int64_t stride = stage > 0 && i == 0 ? 2 : 1;
      Bottleneck block;
      block.a = s.Layer(in, width, 1, 1);
      block.b = s.Layer(width, width, 3, stride);
      block.c = s.Layer(width, 4 * width, 1, 1, 0);
      block.strided_shortcut = i == 0;
      if (i == 0) block.shortcut = s.Layer(in, 4 * width, 1, stride);
      s.blocks.push_back(block);
      in = 4 * width;
    }
  }
  s.fc_weight = s.Parameter(at::randn({1000, in}).mul_(0.01));
  s.fc_bias = s.Parameter(at::zeros({1000}));
  s.images = at::randn({batch_size, 3, image_size, image_size});
  if (channels_last) s.images = s.images.contiguous(at::MemoryFormat::ChannelsLast);
  s.labels = at::randint(1000, {batch_size}, at::TensorOptions().dtype(at::kLong));
}

BareLoop::~BareLoop() = default;

void BareLoop::Run(std::uint32_t steps) {
  for (std::uint32_t i = 0; i < steps; ++i) state_->Step();
}

double BareLoop::Loss() const { return state_->loss.item().toDouble(); }

double AllocationSeconds() {
  constexpr int kTimes = 200000;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kTimes; ++i) c10::GetCPUAllocator()->allocate(4096);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / kTimes;
}

namespace {

// Counts and passes on.
class CountingAllocator final : public c10::Allocator {
 public:
  explicit CountingAllocator(c10::Allocator* next) : next_(next) {}
  c10::DataPtr allocate(std::size_t bytes) override {
    ++count;
    return next_->allocate(bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return next_->raw_deleter(); }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { next_->copy_data(to, from, bytes); }
  std::uint64_t count = 0;

 private:
  c10::Allocator* next_;
};

}  // namespace

std::uint64_t AllocationsPerStep(BareLoop* loop) {
  c10::Allocator* before = c10::GetCPUAllocator();
  static CountingAllocator counting(before);
  c10::SetCPUAllocator(&counting, 2);
  loop->Run(1);
  c10::SetCPUAllocator(before, 2);
  return counting.count;
}

int Threads() { return at::get_num_threads(); }

}  // namespace rsg::bench
