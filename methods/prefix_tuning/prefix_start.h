// The initial values of a prefix.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "methods/method_options.h"
#include "methods/prefix_tuning/prefix_tuning.h"
#include "methods/start_inputs.h"

namespace incipit::prefix_tuning {

// Throws ConfigError if a prefix cannot start from a text of `text_tokens` tokens: the text is
// shorter than the prefix, or the model has an encoder.
void check_text(const methods::MethodOptions& options, const model::ModelSpec& spec,
                std::int64_t text_tokens);

// Returns a prefix as options.init says: `normal` (times `scale`), `random_uniform` in [-scale,
// scale], `file`, or `text`: the keys and values that the model computes for it. Collective over
// the ranks of one copy of the model. Throws as check_text() does, and DataError when the file does
// not fit.
[[nodiscard]] std::shared_ptr<PrefixTuning> start_prefix(const methods::MethodOptions& options,
                                                         const methods::StartInputs& inputs,
                                                         const std::string& name);

}  // namespace incipit::prefix_tuning
