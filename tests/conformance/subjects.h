// What the conformance tests run: models, what is trained on them, and batches.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/forest.h"
#include "methods/registry.h"
#include "model/spec.h"

namespace incipit::conformance {

// Returns the examples of every family.
[[nodiscard]] std::vector<model::ModelSpec> all_models();

// What is trained: a method, perhaps together with a head.
struct Subject {
  methods::MethodOptions options;
  std::optional<methods::HeadOptions> head{};
  [[nodiscard]] std::string name() const { return options.kind + (head ? "_head" : ""); }
};

// Returns the examples of every method, and some methods with a head.
[[nodiscard]] std::vector<Subject> all_subjects();

// Return it in its initial state.
[[nodiscard]] std::shared_ptr<methods::Trainable> start(const Subject& subject,
                                                        const model::ModelSpec& spec,
                                                        std::uint64_t seed = 5);
[[nodiscard]] std::shared_ptr<methods::Trainable> start_without_data(const Subject& subject,
                                                                     const model::ModelSpec& spec);

// Returns sequences that share beginnings, of several lengths, after a prompt.
[[nodiscard]] std::vector<Sequence> batch_after(const model::ModelSpec& spec,
                                                const PromptRows& prompt);
// Returns a longer batch, so that buffers of libraries, such as packed weights, matter little.
[[nodiscard]] std::vector<Sequence> long_batch_after(const model::ModelSpec& spec,
                                                     const PromptRows& prompt);

}  // namespace incipit::conformance
