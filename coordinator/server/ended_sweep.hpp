// What is shown of a sweep that is no longer live, from what is stored of it. Pure.
#pragma once

#include "coordinator/store/reader.hpp"
#include "rsg/v1/control.pb.h"

namespace rsg::server {

v1::SweepStatus StatusOf(const store::StoredSweep& stored);

}  // namespace rsg::server
