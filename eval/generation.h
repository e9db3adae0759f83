// Text continued token by token: several sequences at once, each of its own length.
//
//   Generator generator(backbone, prompt, beginning);
//   generator.run(sequences, {.max_tokens = 64, .stops = special.stops});
//
// The soft prompt and whatever else all sequences begin with is computed once per generator. The
// sequences of a call are packed, so that what some of them share is computed once, too; then every
// step computes one row for each sequence that has not ended. Keys and values of all rows stay
// resident, in a store whose room is taken before the first step.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/forest.h"
#include "eval/shared_beginning.h"
#include "model/backbone.h"

namespace incipit::eval {

struct GenerationOptions {
  std::int64_t max_tokens = 256;  // >= 1
  double temperature = 0;         // 0: the likeliest token every time; else drawn (eval/sampling.h)
  double top_p = 1;               // in (0, 1]
  std::uint64_t seed = 17;        // sequence i draws from stream i of it, whatever the others do
  std::vector<TokenId> stops{};   // tokens that end a sequence; they are left out
};

enum class Ending {
  kStop,    // one of the stops
  kLength,  // max_tokens, or the model's last position
  kCaller,  // the sink asked for it
};

struct Generation {
  std::vector<TokenId> tokens;
  Ending ending = Ending::kLength;
};

// Told every token as it is chosen, with the number of its sequence; false ends the sequence
// behind it.
using TokenSink = std::function<bool(std::size_t sequence, TokenId token)>;

class Generator {
 public:
  // `beginning` as SharedBeginning takes it. `backbone` must outlive the generator. Throws
  // ConfigError when ranks gather its layers.
  Generator(const model::Backbone& backbone, const std::optional<at::Tensor>& prompt,
            const std::function<Sequence(data::PromptRows)>& beginning);

  // Continues each of `sequences`; all of them begin with the beginning, none is empty, and none
  // has predictions. Throws DataError when one is longer than the model's positions, NumericsError
  // when logits are not finite.
  [[nodiscard]] std::vector<Generation> run(std::vector<Sequence> sequences,
                                            const GenerationOptions& options,
                                            const TokenSink& on_token = nullptr);

  [[nodiscard]] data::PromptRows prompt_rows() const { return beginning_.prompt_rows(); }

 private:
  const model::Backbone& backbone_;
  SharedBeginning beginning_;
};

}  // namespace incipit::eval
