// The `method:` block of a run's YAML. Torch-free.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/option_problem.h"

namespace incipit {
class Schema;
}

namespace incipit::methods {

enum class MethodKind {
  kNone,          // none: the frozen model without a soft prompt, for evaluation
  kPromptTuning,  // prompt_tuning: learned input vectors (Lester et al. 2021)
  kPrefixTuning,  // prefix_tuning: learned keys and values in every layer (Liu et al. 2021)
};

enum class InitKind {
  kAuto,           // auto: class_labels for prompt_tuning, normal for prefix_tuning
  kRandomUniform,  // random_uniform: uniform in a range, see `scale`
  kNormal,         // normal: N(0, 1), PEFT's default; prefix_tuning multiplies it by `scale`
  kSampledVocab,   // sampled_vocab: embeddings of tokens drawn from the vocabulary
  kText,           // text: embeddings of a text's tokens, repeated or cut as PEFT does
  kClassLabels,    // class_labels: embeddings of the task's labels, then sampled_vocab
  kFile,           // file: an adapter folder or a .npy
};

struct InitOptions {
  InitKind kind = InitKind::kAuto;
  // For random_uniform. auto: [-r, r], where r is the root mean square of the model's embeddings. A
  // number s above 0: [-s, s]. lester: [-0.5, 0.5], as in the paper. t5x: [0, 0.5), as in its code.
  // For prefix_tuning: a number, of random_uniform and of normal; auto: 0.1.
  std::string scale = "auto";
  // sampled_vocab and class_labels sample from this many most frequent tokens; 0: from all. BPE and
  // Unigram vocabularies number tokens roughly by frequency, so these are the lowest ids, without
  // special tokens. Lester et al. used 5,000.
  std::int64_t sample_from = 5000;
  std::string text;  // text
  std::string path;  // file
};

struct MethodOptions {
  MethodKind kind = MethodKind::kPromptTuning;
  std::int64_t num_virtual_tokens = 20;  // >= 1
  InitOptions init;
  // prefix_tuning: learn the prefix through an MLP with a hidden layer of this size, which is
  // dropped from the adapter. 0: the width of a layer's keys.
  bool prefix_projection = false;
  std::int64_t encoder_hidden_size = 0;
};

// A value of `kind` and its meaning, for lists and messages.
struct MethodName {
  std::string name;
  std::string meaning;
};
[[nodiscard]] std::vector<MethodName> method_names();
[[nodiscard]] std::string method_name(const MethodOptions& options);

// Returns init.kind, with auto replaced by the method's.
[[nodiscard]] InitKind init_kind(const MethodOptions& options);

// Declares the keys of the block and of those in it. A method declares its keys in the list of
// methods in prompt_options.cpp. The block has the keys of all methods, whatever its `kind`; a key
// that several methods share is declared once.
void declare(Schema& schema, InitOptions& options);
void declare(Schema& schema, MethodOptions& options);

// A range of random numbers: [low, high).
struct UniformRange {
  double low = 0;
  double high = 0;
};

// Returns the range that `scale` names. Throws ConfigError for a scale that `validate` rejects.
[[nodiscard]] UniformRange uniform_range(const std::string& scale, double embedding_rms);

// Returns every option that is out of range or missing, with keys relative to the block
// ("init.scale").
[[nodiscard]] std::vector<OptionProblem> validate(const MethodOptions& options);

}  // namespace incipit::methods
