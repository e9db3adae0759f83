// The initial values of a prompt of several tasks.
#pragma once

#include "methods/method_options.h"
#include "methods/multitask/multitask_adapter.h"
#include "methods/start_inputs.h"

namespace incipit::multitask {

// Returns the factors of these tasks. What tasks have in common starts as options.init says, and
// the factors of a task N(0, 0.02^2), as in PEFT.
//
// `file` with an adapter of this kind reads all factors: a task starts from the task of its name
// there, or where there is none from the mean over all, as PEFT's AVERAGE_SOURCE_TASKS. Any other
// file is a soft prompt that tasks have in common. Throws ConfigError or DataError when the
// initialiser does not fit.
[[nodiscard]] Factors start_factors(const methods::MethodOptions& options,
                                    const methods::StartInputs& inputs,
                                    const std::vector<std::string>& tasks);

}  // namespace incipit::multitask
