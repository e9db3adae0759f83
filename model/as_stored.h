// Whether the weight files contain the model that config.json describes, and under which names.
#pragma once

#include <string>

#include "model/spec.h"
#include "model/weight_files.h"

namespace incipit::model {

// Returns the name of a tensor in the files: without ModelSpec::base_prefix in a model that was
// saved without its head.
[[nodiscard]] std::string stored_name(const std::string& name, const ModelSpec& spec,
                                      const WeightFiles& files);

// Returns `spec` with the embedding and the head that the files have. As in transformers, a model
// whose head is tied by config.json has its own head if the files store one that differs from the
// embedding, and the head is the embedding if only the head is stored.
//
// Reads no weights, except to compare such a head with the embedding. Throws DataError when a
// tensor that the model needs is missing, has another shape or is not floating-point, and when
// the files store a tensor that takes part in no computation of this model. Heads of other tasks
// and constants of older programs are ignored; `warns`: tensors of other modules are logged.
[[nodiscard]] ModelSpec as_stored(ModelSpec spec, const WeightFiles& files, bool warns = true);

}  // namespace incipit::model
