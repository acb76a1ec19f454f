#include "agent/trainer/precision.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace rsg::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

DeviceIdentity Gpu(int major, int minor) {
  return {.name = "NVIDIA Test", .memory_mib = 8192, .capability_major = major, .capability_minor = minor};
}
const DeviceIdentity kCpu{.name = "Test CPU", .memory_mib = 8192};

TEST(Precision, OriginalHasNoGradientScaler) {
  v1::Cell cell;
  cell.set_precision(v1::PRECISION_FP16);
  cell.set_mode(v1::MODE_STANDARD);
  EXPECT_TRUE(NumericsOf(cell).grad_scaler);
  cell.set_mode(v1::MODE_ORIGINAL);
  EXPECT_FALSE(NumericsOf(cell).grad_scaler);
  EXPECT_EQ(NumericsOf(cell).autocast, Numerics::Autocast::kFloat16);
}

TEST(Precision, ThePeakIsThatOfTheFastestArithmeticInUse) {
  EXPECT_TRUE(PeakNumericsOf(v1::PRECISION_FP32).matmul_tf32);  // as its convolutions
  EXPECT_FALSE(PeakNumericsOf(v1::PRECISION_FP32_STRICT).matmul_tf32);
  EXPECT_TRUE(PeakNumericsOf(v1::PRECISION_TF32).matmul_tf32);
  EXPECT_EQ(PeakNumericsOf(v1::PRECISION_BF16).autocast, Numerics::Autocast::kBfloat16);
}

TEST(Precision, WinogradIsForFp32WithoutTensorCores) {
  const DeviceIdentity cpu;
  const DeviceIdentity turing{.capability_major = 7, .capability_minor = 5};
  const DeviceIdentity ampere{.capability_major = 8, .capability_minor = 6};
  EXPECT_TRUE(MayUseWinograd(v1::PRECISION_FP32, cpu));
  EXPECT_TRUE(MayUseWinograd(v1::PRECISION_FP32, turing));
  EXPECT_FALSE(MayUseWinograd(v1::PRECISION_FP32, ampere));
  EXPECT_TRUE(MayUseWinograd(v1::PRECISION_FP32_STRICT, ampere));
  EXPECT_FALSE(MayUseWinograd(v1::PRECISION_TF32, ampere));
  EXPECT_FALSE(MayUseWinograd(v1::PRECISION_FP16, turing));
  EXPECT_FALSE(MayUseWinograd(v1::PRECISION_BF16, cpu));
  EXPECT_TRUE(HasTf32(ampere));
  EXPECT_FALSE(HasTf32(turing));
  EXPECT_FALSE(HasTf32(cpu));
}

TEST(Precision, Fp32IsPyTorchsDefault) {
  const Numerics numerics = NumericsOf(v1::PRECISION_FP32);
  EXPECT_TRUE(numerics.cudnn_tf32);
  EXPECT_FALSE(numerics.matmul_tf32);
  EXPECT_EQ(numerics.autocast, Numerics::Autocast::kNone);
  EXPECT_FALSE(numerics.grad_scaler);
}

TEST(Precision, StrictHasNoTf32AndTf32HasItEverywhere) {
  EXPECT_FALSE(NumericsOf(v1::PRECISION_FP32_STRICT).cudnn_tf32);
  EXPECT_FALSE(NumericsOf(v1::PRECISION_FP32_STRICT).matmul_tf32);
  EXPECT_TRUE(NumericsOf(v1::PRECISION_TF32).cudnn_tf32);
  EXPECT_TRUE(NumericsOf(v1::PRECISION_TF32).matmul_tf32);
}

TEST(Precision, OnlyFp16IsScaled) {
  EXPECT_EQ(NumericsOf(v1::PRECISION_FP16).autocast, Numerics::Autocast::kFloat16);
  EXPECT_TRUE(NumericsOf(v1::PRECISION_FP16).grad_scaler);
  EXPECT_EQ(NumericsOf(v1::PRECISION_BF16).autocast, Numerics::Autocast::kBfloat16);
  EXPECT_FALSE(NumericsOf(v1::PRECISION_BF16).grad_scaler);
}

TEST(Precision, CpuHasFp32UnderBothNamesAndBf16) {
  EXPECT_THAT(PrecisionsOf(kCpu, "13.0"),
              ElementsAre(v1::PRECISION_FP32, v1::PRECISION_FP32_STRICT, v1::PRECISION_BF16));
}

TEST(Precision, Tf32AndBf16ComeWithAmpere) {
  EXPECT_THAT(PrecisionsOf(Gpu(7, 5), "13.0"),
              ElementsAre(v1::PRECISION_FP32, v1::PRECISION_FP32_STRICT, v1::PRECISION_FP16));
  EXPECT_THAT(PrecisionsOf(Gpu(8, 6), "13.0"), ElementsAre(v1::PRECISION_FP32, v1::PRECISION_FP32_STRICT,
                                                           v1::PRECISION_TF32, v1::PRECISION_FP16, v1::PRECISION_BF16));
}

TEST(Precision, AGpuOlderThanTheMachineCodeHasNone) {
  EXPECT_THAT(PrecisionsOf(Gpu(6, 1), "13.0"), IsEmpty());
  EXPECT_THAT(PrecisionsOf(Gpu(6, 1), "12.8"), IsEmpty());
  EXPECT_FALSE(PrecisionsOf(Gpu(6, 1), "12.6").empty());
  EXPECT_FALSE(PrecisionsOf(Gpu(7, 0), "12.8").empty());
  EXPECT_THAT(std::string(CheckPrecision(v1::PRECISION_FP32, Gpu(6, 1), "13.0").message()), HasSubstr("older stack"));
}

TEST(Precision, WhatIsMissingIsRefusedWithWhatIsThere) {
  EXPECT_TRUE(CheckPrecision(v1::PRECISION_BF16, kCpu, "13.0").ok());
  const absl::Status status = CheckPrecision(v1::PRECISION_FP16, kCpu, "13.0");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(std::string(status.message()),
            "precision: fp16 is not available on Test CPU; use one of fp32, fp32-strict, bf16");
}

}  // namespace
}  // namespace rsg::trainer
