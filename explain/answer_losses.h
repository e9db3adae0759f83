// The loss of every example with a given prompt.
#pragma once

#include <cstdint>
#include <vector>

#include "comm/communicator.h"
#include "data/dataset.h"
#include "data/task.h"
#include "methods/trainable.h"
#include "model/backbone.h"

namespace incipit::explain {

// The model, and the labelled examples on which its prompts are compared. In one process.
struct Subject {
  const model::Backbone& backbone;
  const data::Task& task;
  const data::Dataset& examples;
  comm::Communicator& ranks;
  bool by_candidates = false;  // the loss is cross-entropy over the candidates (train.loss)
  std::int64_t batch_tokens = 8192;
};

// A negative log-likelihood, summed over `count` answer tokens, or over one example if
// by_candidates.
struct ExampleLoss {
  double sum = 0;
  double count = 0;
};

// Returns the losses in dataset order. Throws NumericsError when one is not finite.
[[nodiscard]] std::vector<ExampleLoss> example_losses(const Subject& subject,
                                                      const methods::Contribution& prompt);

enum class Half { kBoth, kEven, kOdd };  // of the examples: all, or those of even or odd index

// Returns the mean over tokens or examples, as in training.
[[nodiscard]] double mean_loss(const std::vector<ExampleLoss>& losses, Half half = Half::kBoth);

}  // namespace incipit::explain
