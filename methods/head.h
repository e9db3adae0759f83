// An output head that is trained in place of the model's own: classes of a text or of its words, or
// the beginning and the end of a span. Alone, it is a linear probe of the model's last states.
//
// Heads are those of transformers' AutoModelForSequenceClassification, ForTokenClassification and
// ForQuestionAnswering. Adapter folders have them as PEFT saves them (task_type, modules_to_save).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "model/json_file.h"
#include "model/safetensors.h"
#include "model/spec.h"

namespace incipit::methods {

enum class HeadKind {
  kSequence,  // SEQ_CLS: classes, at the last row of a text; without a bias
  kTokens,    // TOKEN_CLS: classes, at every word
  kSpan,      // QUESTION_ANS: whether an answer begins or ends at a token; softmax over tokens
};

struct HeadOptions {
  HeadKind kind = HeadKind::kSequence;
  std::vector<std::string> outputs;  // their names, in order
};

struct TrainedHead {
  HeadKind kind = HeadKind::kSequence;
  std::string module;                // its name in transformers: "score"
  std::vector<std::string> outputs;  // their names; empty: unknown
  at::Tensor weight;                 // [outputs, hidden] float32
  at::Tensor bias;                   // [outputs] float32; undefined: none
};

// Returns a head as transformers starts it: weights N(0, 0.02^2), biases 0.
[[nodiscard]] TrainedHead start_head(const HeadOptions& options, const model::ModelSpec& spec,
                                     std::uint64_t seed, at::Device device);
// Returns the number of its weights and biases.
[[nodiscard]] std::int64_t head_numbers(const HeadOptions& options, const model::ModelSpec& spec);

// Adds the head to what an adapter folder stores. `config` has the keys of its kind.
void add_head(const TrainedHead& head, std::map<std::string, at::Tensor>& tensors,
              nlohmann::json& config, std::map<std::string, std::string>& metadata);

// Returns the head of an adapter, if it has one. Throws DataError (file, key or tensor, what was
// found, what was expected) if it has other modules beside the prompt, or the tensors do not fit.
[[nodiscard]] std::optional<TrainedHead> read_head(const model::JsonObject& config,
                                                   const model::SafetensorsFile& file);
// Whether a tensor of an adapter is part of a head.
[[nodiscard]] bool is_head_tensor(const std::string& name);

}  // namespace incipit::methods
