#include "agent/trainer/training/failure.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>

namespace rsg::trainer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

template <typename Function>
absl::Status StatusOf(Function function, bool refused_memory = false) {
  try {
    function();
  } catch (...) {
    return StatusOfException(refused_memory);
  }
  return absl::OkStatus();
}

TEST(Failure, BothWaysToRunOutOfMemoryAreTheSame) {
  EXPECT_EQ(StatusOf([] { throw std::bad_alloc(); }).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(StatusOf([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried"); }).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(Failure, LibTorchsOwnAllocatorSaysItInWords) {
  // More than any machine's address space: posix_memalign fails.
  const absl::Status status = StatusOf([] { at::empty({std::int64_t{1} << 55}, at::kByte); });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

TEST(Failure, LibrariesThatFindNoMemoryOnTheCardAreOutOfMemory) {
  for (const char* said : {"CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
                           "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
                           "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
                           "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"})
    EXPECT_EQ(StatusOf([&] { TORCH_CHECK(false, said); }).code(), absl::StatusCode::kResourceExhausted) << said;
}

TEST(Failure, WithoutAnEngineItIsOutOfMemoryOnlyWhereMemoryWasRefused) {
  for (const char* said : {"FIND was unable to find an engine to execute this computation",
                           "GET was unable to find an engine to execute this computation",
                           "Unable to find an engine to execute this computation"}) {
    const auto fail = [&] { TORCH_CHECK(false, said); };
    EXPECT_EQ(StatusOf(fail, /*refused_memory=*/true).code(), absl::StatusCode::kResourceExhausted) << said;
    EXPECT_EQ(StatusOf(fail), absl::UnknownError(said));
  }
}

TEST(Failure, AGpuWithoutMachineCodeIsUnsupported) {
  EXPECT_EQ(StatusOf([] {
              TORCH_CHECK(false, "CUDA error: no kernel image is available for execution on the device\nmore");
            }).code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(StatusOf([] { TORCH_CHECK_NOT_IMPLEMENTED(false, "no such operator"); }).code(),
            absl::StatusCode::kUnimplemented);
}

TEST(Failure, OfTorchScriptsTracebacksItIsTheLineThatSaysWhatIsWrong) {
  const std::string traceback =
      "The following operation failed in the TorchScript interpreter.\n"
      "Traceback of TorchScript, serialized code (most recent call last):\n"
      "  File \"code/__torch__.py\", line 5, in forward\n"
      "def forward(self, x: Tensor):\n"
      "    return torch.view(x, [4, 9])\n"
      "           ~~~~~~~~~~ <--- HERE\n"
      "\n"
      "Traceback of TorchScript, original code (most recent call last):\n"
      "  File \"net.py\", line 3, in forward\n";
  const absl::Status status = StatusOf([&] {
    throw std::runtime_error(traceback + "RuntimeError: shape '[4, 9]' is invalid\nException raised from\n");
  });
  EXPECT_EQ(status, absl::InternalError("RuntimeError: shape '[4, 9]' is invalid"));
  EXPECT_EQ(StatusOf([&] { throw std::runtime_error(traceback + "RuntimeError: out of memory\n"); }),
            absl::ResourceExhaustedError("RuntimeError: out of memory"));
  EXPECT_EQ(StatusOf([&] { throw std::runtime_error(traceback); }),
            absl::InternalError("The following operation failed in the TorchScript interpreter."));
}

TEST(Failure, ARefusalIsAnInvalidArgument) {
  EXPECT_EQ(StatusOf([] { throw std::invalid_argument("no"); }), absl::InvalidArgumentError("no"));
}

TEST(Failure, AnythingElseIsItsFirstLine) {
  const absl::Status status = StatusOf([] { TORCH_CHECK(false, "shapes differ\nsecond line"); });
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(std::string(status.message()), "shapes differ");
  EXPECT_EQ(StatusOf([] { throw std::runtime_error("broken"); }), absl::InternalError("broken"));
  EXPECT_EQ(StatusOf([] { throw 5; }).code(), absl::StatusCode::kInternal);
  EXPECT_LE(StatusOf([] { throw std::runtime_error(std::string(5000, 'x')); }).message().size(), 1024u);
}

}  // namespace
}  // namespace rsg::trainer
