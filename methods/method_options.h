// The `method:` block of a run's YAML. Torch-free.
#pragma once

#include <any>
#include <cstdint>
#include <map>
#include <string>
#include <typeindex>
#include <vector>

#include "core/option_problem.h"

namespace incipit {
class Schema;
}

namespace incipit::methods {

// `kind` of the frozen model without a prompt, for evaluation.
inline constexpr const char* kNoMethod = "none";
// `kind` of a head on the model's last states, with no prompt.
inline constexpr const char* kLinearProbe = "linear_probe";

enum class InitKind {
  kAuto,  // auto: class_labels for prompt_tuning, text for cartridge, normal for the others
  kRandomUniform,  // random_uniform: uniform in a range, see `scale`; of lora: B too, not only A
  kNormal,         // normal: N(0, 1), PEFT's default; prefix_tuning multiplies it by `scale`
  kSampledVocab,   // sampled_vocab: embeddings of tokens drawn from the vocabulary
  kText,           // text: embeddings of a text's tokens, repeated or cut as PEFT does; of a prefix
                   // the keys and values of its first tokens
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

// What computes the rows of p_tuning from learned vectors while training.
enum class EncoderKind {
  kMlp,   // MLP: three linear layers, PEFT's default
  kLstm,  // LSTM: a bidirectional LSTM and two linear layers, as in the paper
};

// Of lora.
struct LoraOptions {
  std::int64_t r = 8;                         // rank of an addition
  double alpha = 8;                           // an addition is multiplied by alpha / r
  bool rslora = false;                        // by alpha / sqrt(r) instead
  std::vector<std::string> target_modules{};  // as in PEFT; empty: query and value projections
};

// Options of methods that are defined outside of this project: one struct of each type, which is
// copied with the object.
class MoreOptions {
 public:
  // Returns the struct of a type, which it adds with its initial values if there is none. The
  // reference is valid while the object is.
  template <typename T>
  [[nodiscard]] T& get() {
    std::any& value = by_type_[typeid(T)];
    if (!value.has_value()) value = T();
    return std::any_cast<T&>(value);
  }
  // Returns a copy of it, or its initial values.
  template <typename T>
  [[nodiscard]] T get() const {
    const auto found = by_type_.find(typeid(T));
    return found == by_type_.end() ? T() : std::any_cast<const T&>(found->second);
  }

 private:
  std::map<std::type_index, std::any> by_type_;
};

struct MethodOptions {
  std::string kind = "prompt_tuning";    // a name of method_names()
  std::int64_t num_virtual_tokens = 20;  // >= 1
  InitOptions init;
  // prefix_tuning: learn the prefix through an MLP, which is dropped from the adapter.
  bool prefix_projection = false;
  // p_tuning: what the prompt is learned through, which is dropped too.
  EncoderKind encoder_reparameterization_type = EncoderKind::kMlp;
  std::int64_t encoder_num_layers = 2;  // of the LSTM
  // Hidden size of either. 0: the width of what it computes, for prefix_tuning of a layer's keys.
  std::int64_t encoder_hidden_size = 0;
  std::int64_t num_frozen_tokens = 1;  // cartridge: the first rows that are not trained
  std::int64_t num_ranks = 1;          // multitask_prompt_tuning: rank of what a task multiplies by
  LoraOptions lora{};
  MoreOptions more{};
  // The tasks that share what is trained, of which there may be one. Not a key: the reader of the
  // configuration sets it. Empty: one task, under the name of what is trained.
  std::vector<std::string> tasks{};

  [[nodiscard]] bool trains() const { return kind != kNoMethod; }
};

// The options of one method: a value of `kind`.
struct MethodDeclaration {
  std::string name;
  std::string meaning;
  InitKind init = InitKind::kAuto;  // what init.kind: auto selects
  // Declares the keys that only this method has. Null: it has none.
  void (*declare)(Schema& schema, MethodOptions& options) = nullptr;
  // Adds what is out of range or missing when the method is used. Null: nothing can be.
  void (*check)(const MethodOptions& options, std::vector<OptionProblem>& problems) = nullptr;
  // Whether tasks that share the prompt have rows of their own in it (Trainable::tasks).
  bool rows_by_task = false;
};

// Adds the options of a method that is defined outside of this project. Use add_method()
// (methods/registry.h), which also adds the method. Throws LogicError if the name is taken.
void add_declaration(MethodDeclaration declaration);

// Adds what is out of range in the options that all methods have: `num_virtual_tokens` and `init`.
void check_shared_options(const MethodOptions& options, std::vector<OptionProblem>& problems);

// A value of `kind` and its meaning, for lists and messages.
struct MethodName {
  std::string name;
  std::string meaning;
};
[[nodiscard]] std::vector<MethodName> method_names();

// Returns init.kind, with auto replaced by the method's.
[[nodiscard]] InitKind init_kind(const MethodOptions& options);

// Returns MethodDeclaration::rows_by_task.
[[nodiscard]] bool has_rows_by_task(const MethodOptions& options);

// Declares the keys of the block and of those in it. The block has the keys of all methods,
// whatever its `kind`; a key that several methods share is declared once.
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
