// What a check of a block of options reports, so that all mistakes can be shown at once.
#pragma once

#include <string>

namespace incipit {

struct OptionProblem {
  std::string key;      // relative to the block: "init.scale"
  std::string message;  // what is wrong, and what is expected
};

}  // namespace incipit
