// Looks for the highest rate of matrix products. Pure: asks for times, knows no clock and no device.
#pragma once
#include <cstdint>
#include <functional>

namespace rsg::trainer {

struct Peak {
  double flops = 0;       ///< floating point operations a second
  std::int64_t size = 0;  ///< of the n x n matrices that reached it
};

/// Makes n x n matrices in the place of the last ones and does a first product, which picks a kernel; false where there
/// is no memory for them.
using FirstProduct = std::function<bool(std::int64_t n)>;
/// Seconds that `repeats` products of these matrices take one after the other, > 0.
using ProductSeconds = std::function<double(std::int64_t n, std::uint32_t repeats)>;

/// Tries n = 512, 1024, ... 8192, each warmed up and then best of three, and gives the best of all. Larger products
/// reach more until they no longer do; the search ends early where the next size would be too long or does not fit.
/// Takes about a second on anything: a time tried is about 0.1 s, or one product where that is longer.
Peak SearchPeak(const FirstProduct& first_product, const ProductSeconds& seconds_of);

}  // namespace rsg::trainer
