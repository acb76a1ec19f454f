// What has to be said about rows that are compared with each other. Pure.
#pragma once
#include <cstddef>
#include <map>
#include <string>

#include "rsg/v1/types.pb.h"

namespace rsg::cli {

/// The stacks that compared results come from.
class StackComparison {
 public:
  /// Results without a stack key are passed over: of these nothing is known.
  void Add(const v1::Result& result);

  /// A note for a person when there is more than one stack; "" otherwise.
  std::string Note() const;

 private:
  struct Of {
    std::string name;
    std::size_t rows = 0;
  };
  std::map<std::string, Of> stacks_;  // by key
};

}  // namespace rsg::cli
