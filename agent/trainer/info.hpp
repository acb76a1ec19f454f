// The verbs `info` and `models`: what this trainer can do on this machine.
#pragma once

namespace rsg::trainer {

/// Prints TrainerInfo, as text or as one line of JSON; 0. A GPU that is there but cannot be used is named on stderr.
int ShowInfo(bool json);
/// Prints the models, as text or as a ModelList in one line of JSON; 0.
int ShowModels(bool json);

}  // namespace rsg::trainer
