// The coordinator's time constants, made safe to use. Pure.
#pragma once
#include "rsg/v1/fleet.pb.h"

namespace rsg::agent {

/// What holds until the first Welcome.
v1::Settings DefaultSettings();

/// `settings` with absent (zero), non-finite and absurd values replaced: an agent stays bounded whatever it is told.
v1::Settings Sanitize(const v1::Settings& settings);

}  // namespace rsg::agent
