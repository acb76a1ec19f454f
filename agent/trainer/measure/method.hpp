// Which way of measuring a result comes from.
#pragma once

namespace rsg::trainer {

/// Part of the method key: grows whenever results before and after must not be compared.
inline constexpr int kMethodVersion = 1;

}  // namespace rsg::trainer
