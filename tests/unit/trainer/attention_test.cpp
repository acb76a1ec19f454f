#include <ATen/Context.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "agent/trainer/device/cpu/cpu_device.hpp"
#include "agent/trainer/training/attention_watch.hpp"
#include "agent/trainer/training/training_step.hpp"

namespace rsg::trainer {
namespace {

at::Tensor Heads() { return at::randn({2, 3, 5, 8}); }

void Attend(const at::Tensor& x) { at::scaled_dot_product_attention(x, x, x); }

// What LibTorch itself would take is switched off for a moment.
class WithoutFlash {
 public:
  WithoutFlash() { at::globalContext().setSDPUseFlash(false); }
  ~WithoutFlash() { at::globalContext().setSDPUseFlash(true); }
};

TEST(Attention, NamesTheKernelThatRan) {
  EXPECT_EQ(WatchAttention([] { Attend(Heads()); }), "flash");
  const WithoutFlash without;
  EXPECT_EQ(WatchAttention([] { Attend(Heads()); }), "math");
}

TEST(Attention, NamesEachKernelOnceAndNoneWhereNoneIsAskedFor) {
  EXPECT_EQ(WatchAttention([] {
              Attend(Heads());
              const WithoutFlash without;
              Attend(Heads());
              Attend(Heads());
            }),
            "math+flash");
  EXPECT_EQ(WatchAttention([] { at::mm(at::randn({2, 2}), at::randn({2, 2})); }), "");
}

TEST(Attention, AFailureWithinPassesThroughAndTheNextWatchStartsAnew) {
  EXPECT_THROW(WatchAttention([] {
                 Attend(Heads());
                 throw std::runtime_error("out of memory");
               }),
               std::runtime_error);
  EXPECT_EQ(WatchAttention([] {}), "");
}

std::string AttentionOf(StepOptions options, std::unique_ptr<TrainingStep> (*make)(Device&, const StepOptions&)) {
  const auto cpu = OpenCpu();
  const auto step = make(*cpu, options);
  step->Run();
  const std::string first = step->Facts().attention;
  step->Run();
  EXPECT_EQ(step->Facts().attention, first);
  return first;
}

// timm 1.0.31 takes torch's own attention for ViT; for Swin, whose use of it it calls experimental, it writes it out.
TEST(Attention, IsWhatTimmTakesByDefaultInEveryMode) {
  const StepOptions vit{.model = "vit_small_patch16_224", .batch_size = 1, .image_size = 32};
  EXPECT_EQ(AttentionOf(vit, MakeStandardStep), "flash");
  EXPECT_EQ(AttentionOf(vit, MakeTunedStep), "flash");
  EXPECT_EQ(AttentionOf(vit, MakeOriginalStep), "flash");
  StepOptions bf16 = vit;
  bf16.numerics.autocast = Numerics::Autocast::kBfloat16;
  EXPECT_EQ(AttentionOf(bf16, MakeStandardStep), "flash");
  EXPECT_EQ(AttentionOf({.model = "swin_tiny_patch4_window7_224", .batch_size = 1, .image_size = 32}, MakeStandardStep),
            "");
  EXPECT_EQ(AttentionOf({.model = "resnet18", .batch_size = 2, .image_size = 32}, MakeStandardStep), "");
}

}  // namespace
}  // namespace rsg::trainer
