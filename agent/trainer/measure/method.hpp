// The version of the way in which throughput is measured.
#pragma once

namespace rsg::trainer {

/// Part of the method key of every result: raised whenever a change to the trainer may change what it measures, so that
/// results from before and after are not taken for the same.
inline constexpr int kMethodVersion = 1;

}  // namespace rsg::trainer
