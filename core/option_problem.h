// A problem found in a block of options. Checks collect them, so that all can be shown at once.
#pragma once

#include <string>

namespace incipit {

struct OptionProblem {
  std::string key;      // relative to the block: "init.scale"
  std::string message;  // what is wrong, and what is expected
};

}  // namespace incipit
