// The initial values of a prefix.
#pragma once

#include <memory>
#include <string>

#include "methods/method_options.h"
#include "methods/prefix_tuning/prefix_tuning.h"
#include "methods/start_inputs.h"

namespace incipit::prefix_tuning {

// Returns a prefix as options.init says: `normal` (times `scale`), `random_uniform` in [-scale,
// scale], or `file`. Throws ConfigError for another kind, DataError when the file does not fit.
[[nodiscard]] std::shared_ptr<PrefixTuning> start_prefix(const methods::MethodOptions& options,
                                                         const methods::StartInputs& inputs,
                                                         const std::string& name);

}  // namespace incipit::prefix_tuning
