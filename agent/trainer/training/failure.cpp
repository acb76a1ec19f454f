#include "agent/trainer/training/failure.hpp"

#include <c10/util/Exception.h>

#include <array>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

namespace rsg::trainer {
namespace {

// LibTorch says most of these only in words. Lower-case would not help: the words are fixed.
constexpr std::array<std::string_view, 9> kOutOfMemory{
    "can't allocate memory",  // c10's CPU allocator
    "not enough memory",      // the same, in other releases
    "out of memory",          // CUDA: cudaErrorMemoryAllocation of a library's own
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
    // Handles are made at the first convolution and the first product, and take memory of their own from a card that
    // LibTorch's allocator may have filled by then.
    "CUDNN_STATUS_NOT_INITIALIZED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
};
// "FIND was unable to find an engine to execute this computation": with cudnn.benchmark on, LibTorch passes over an
// engine whose workspace finds no memory, and over one that cannot do it, and says the same of both.
constexpr std::string_view kNoEngine = "nable to find an engine";
constexpr std::array<std::string_view, 3> kUnsupported{
    "no kernel image is available",  // the wheel has no machine code for this GPU
    "CUDNN_STATUS_NOT_SUPPORTED",
    "CUDNN_STATUS_ARCH_MISMATCH",
};

template <std::size_t N>
bool SaysOneOf(std::string_view text, const std::array<std::string_view, N>& phrases) {
  for (const std::string_view phrase : phrases)
    if (text.find(phrase) != std::string_view::npos) return true;
  return false;
}

// "RuntimeError: ...", at the beginning of a line; no line of code looks like that.
bool NamesAnError(std::string_view line) {
  const std::size_t name = line.find(": ");
  return name != 0 && name != std::string_view::npos &&
         line.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.") == name;
}

// TorchScript's errors begin with a traceback of many lines, code among them; behind it they say what is wrong.
// Everything else says so at once.
std::string_view FromWhatIsWrong(std::string_view text) {
  if (!text.starts_with("The following operation failed in the TorchScript interpreter.")) return text;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', end + 1))
    if (const std::string_view rest = text.substr(end + 1); NamesAnError(rest)) return rest;
  return text;
}

std::string FirstLine(std::string_view text) {
  constexpr std::size_t kMaxBytes = 1024;
  text = FromWhatIsWrong(text);
  return std::string(text.substr(0, text.find('\n')).substr(0, kMaxBytes));
}

absl::Status Classify(std::string_view text, bool refused_memory) {
  const std::string line = FirstLine(text);
  if (SaysOneOf(text, kOutOfMemory)) return absl::ResourceExhaustedError(line);
  if (SaysOneOf(text, kUnsupported)) return absl::UnimplementedError(line);
  if (text.find(kNoEngine) != std::string_view::npos)
    return refused_memory ? absl::ResourceExhaustedError("out of memory for cuDNN's workspace: " + line)
                          : absl::UnknownError(line);
  return absl::InternalError(line);
}

}  // namespace

absl::Status StatusOfException(bool refused_memory) {
  try {
    throw;
  } catch (const c10::OutOfMemoryError& error) {
    return absl::ResourceExhaustedError(FirstLine(error.what_without_backtrace()));
  } catch (const c10::NotImplementedError& error) {
    return absl::UnimplementedError(FirstLine(error.what_without_backtrace()));
  } catch (const c10::Error& error) {
    return Classify(error.what_without_backtrace(), refused_memory);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory: the host could not give more (std::bad_alloc)");
  } catch (const std::invalid_argument& error) {
    return absl::InvalidArgumentError(FirstLine(error.what()));
  } catch (const std::exception& error) {
    return Classify(error.what(), refused_memory);
  } catch (...) {
    return absl::InternalError("an exception of an unknown type");
  }
}

}  // namespace rsg::trainer
