#include "eval/generation.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "core/check.h"
#include "core/error.h"
#include "core/random.h"
#include "eval/sampling.h"
#include "nn/host_copy.h"
#include "nn/ops.h"

namespace incipit::eval {
namespace {

using model::ForestPass;
using nn::KeyValueStore;

// Allocates a store for `rows` rows, in the type that attention reads without conversion.
KeyValueStore make_store(const model::Backbone& backbone, std::int64_t rows) {
  const auto type =
      backbone.device().is_cpu() ? nn::ops::accumulate_type(backbone.dtype()) : backbone.dtype();
  KeyValueStore store;
  for (const nn::Block& block : backbone.blocks()) {
    const auto allocate = [&] {
      return at::empty({rows, block.attention.kv_width()},
                       at::TensorOptions(type).device(backbone.device()));
    };
    store.layers.push_back({allocate(), allocate(), {}, {}});
  }
  return store;
}

void copy_rows(const KeyValueStore& from, Range rows, KeyValueStore& to, std::int64_t first) {
  if (rows.empty()) return;
  const auto copy = [&](at::Tensor into, const at::Tensor& source) {
    into.narrow(0, first, rows.size()).copy_(source.narrow(0, rows.begin, rows.size()));
  };
  for (std::size_t layer = 0; layer < from.layers.size(); ++layer) {
    copy(to.layers[layer].keys, from.layers[layer].keys);
    copy(to.layers[layer].values, from.layers[layer].values);
  }
}

// Returns the rows that a query at `row` attends to, from the root down. Computed rows are rows of
// store `own`.
std::vector<ResidentRows> rows_seen_at(const Forest& forest, std::int64_t row, int own) {
  const auto after =
      std::upper_bound(forest.segment_begin.begin(), forest.segment_begin.end(), row);
  auto segment = static_cast<int>(after - forest.segment_begin.begin()) - 1;
  std::vector<ResidentRows> ranges{{own, {forest.segment_begin[segment], row + 1}}};
  while ((segment = forest.parent[segment]) >= 0) {
    const ResidentRows& resident = forest.resident[segment];
    ranges.push_back(resident.empty() ? ResidentRows{own, forest.rows(segment)} : resident);
  }
  std::reverse(ranges.begin(), ranges.end());
  return ranges;
}

// A sequence that has not ended.
struct Live {
  std::size_t number = 0;            // index among the sequences of the call
  std::vector<ResidentRows> source;  // its input, from the root down
  Range own;                         // store rows of its generated tokens except the last
  std::int32_t position = 0;         // of the last token
  TokenId last = 0;
  int adapted_by = -1;     // as Sequence::adapted_by
  std::set<TokenId> seen;  // tokens of its input and of its text
  Random random;
};

std::set<TokenId> tokens_of(const Sequence& sequence) {
  std::set<TokenId> tokens;
  for (const Symbol symbol : sequence.inputs) {
    if (symbol.is_token()) tokens.insert(symbol.token_id());
  }
  return tokens;
}

void penalize(std::span<float> logits, const std::set<TokenId>& seen, double penalty) {
  for (const TokenId token : seen) {
    float& logit = logits[static_cast<std::size_t>(token)];
    logit = static_cast<float>(logit > 0 ? logit / penalty : logit * penalty);
  }
}

// Excludes the tokens that would complete a run of `length` tokens which `text` has already.
void block_ngrams(std::span<float> logits, const std::vector<TokenId>& text, std::int64_t length) {
  const auto before = static_cast<std::size_t>(length - 1);
  if (length == 0 || text.size() < before + 1) return;
  const auto last = text.end() - static_cast<std::ptrdiff_t>(before);
  for (std::size_t i = 0; i + before < text.size(); ++i) {
    if (std::equal(last, text.end(), text.begin() + static_cast<std::ptrdiff_t>(i))) {
      logits[static_cast<std::size_t>(text[i + before])] = -std::numeric_limits<float>::infinity();
    }
  }
}

// The sequences of one call.
class Batch {
 public:
  Batch(const methods::PromptedModel& model, const GenerationOptions& options,
        const TokenSink& on_token, std::size_t sequences, KeyValueStore& store)
      : model_(model),
        backbone_(model.backbone()),
        options_(options),
        on_token_(on_token),
        results_(sequences),
        store_(store) {}

  // Computes the input sequences and chooses the first token of each.
  void begin(SharedBeginning& beginning, std::vector<Sequence> sequences);
  // Computes the last token of every live sequence and chooses the next.
  void step();

  [[nodiscard]] bool is_done() const { return live_.empty(); }
  [[nodiscard]] std::vector<Generation> take_results() { return std::move(results_); }

 private:
  [[nodiscard]] bool samples() const { return options_.temperature > 0; }
  [[nodiscard]] bool needs_logits() const {
    return samples() || options_.repetition_penalty != 1 || options_.block_ngrams > 0;
  }
  [[nodiscard]] Forest last_tokens() const;
  // Chooses the next token of live sequence i from target target_of[i] of the pass.
  void choose(const ForestPass& pass, const std::vector<std::int32_t>& target_of);
  // Chooses the tokens on the pipeline stage that has the logits.
  [[nodiscard]] std::vector<TokenId> choose_here(const ForestPass& pass,
                                                 const std::vector<std::int32_t>& target_of);
  // Appends `token` and returns whether the sequence continues after it.
  [[nodiscard]] bool accept(Live& sequence, TokenId token);

  const methods::PromptedModel& model_;
  const model::Backbone& backbone_;
  const GenerationOptions& options_;
  const TokenSink& on_token_;
  std::vector<Generation> results_;
  std::vector<Live> live_;
  // Rows of the packed inputs, then the generated rows of each sequence, then a spare one.
  KeyValueStore& store_;
};

void Batch::begin(SharedBeginning& beginning, std::vector<Sequence> sequences) {
  for (Sequence& sequence : sequences) {
    INCIPIT_CHECK(!sequence.inputs.empty() && sequence.predictions.empty());
    // The id does not matter; the prediction makes the pass compute logits here.
    sequence.predictions.push_back({static_cast<std::int64_t>(sequence.inputs.size()) - 1, 0, 1});
  }
  const PackedForest packed = pack(sequences);
  const std::int64_t packed_rows = packed.forest.row_count();
  auto [pass, resident] =
      beginning.run(packed.forest, {.keep_keys_values = true, .keep_logits = needs_logits()});

  std::int64_t rows = packed_rows;
  std::vector<std::int32_t> target_of;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    const auto length = static_cast<std::int64_t>(sequences[i].inputs.size());
    target_of.push_back(packed.targets[i].front());
    live_.push_back({.number = i,
                     .source = rows_seen_at(packed.forest, packed.forest.targets[target_of[i]].row,
                                            model_.stores()),
                     .own = {rows, rows},
                     .position = static_cast<std::int32_t>(length - 1),
                     .last = 0,
                     .adapted_by = sequences[i].adapted_by,
                     .seen = tokens_of(sequences[i]),
                     .random = Random(options_.seed, stream_of(options_, i))});
    rows += std::min(options_.max_tokens - 1, backbone_.spec().max_positions - length);
  }
  if (store_.layers.empty() || store_.rows() <= rows) store_ = make_store(backbone_, rows + 1);
  std::int64_t copied = 0;
  for (const Range& part : beginning.parts(resident)) {
    copy_rows(beginning.keys_values(), part, store_, copied);
    copied += part.size();
  }
  copy_rows(pass.keys_values(), {0, packed_rows - resident}, store_, resident);
  choose(pass, target_of);
}

void Batch::step() {
  const Forest forest = last_tokens();
  model::StoredRows stored{.store = &store_, .spare = store_.rows() - 1};
  std::vector<std::int32_t> target_of;
  for (Live& sequence : live_) {
    stored.rows.push_back(sequence.own.end++);
    target_of.push_back(static_cast<std::int32_t>(target_of.size()));
  }
  const ForestPass pass = model_.forward(
      forest, {.keep_logits = needs_logits(), .stored = std::move(stored), .residents = {&store_}});
  choose(pass, target_of);
}

// Builds one chain of segments per sequence. Shared rows appear in the chain of each sequence.
Forest Batch::last_tokens() const {
  Forest forest;
  const auto add = [&](const Live& sequence, bool is_root, const ResidentRows& resident) {
    forest.parent.push_back(is_root ? -1 : forest.segment_count() - 1);
    forest.resident.push_back(resident);
    forest.stack.push_back(0);
    forest.adapted_by.push_back(sequence.adapted_by);
    forest.segment_begin.push_back(forest.row_count());
  };
  for (const Live& sequence : live_) {
    for (const ResidentRows& range : sequence.source) {
      add(sequence, &range == &sequence.source.front(), range);
    }
    if (!sequence.own.empty()) add(sequence, false, {model_.stores(), sequence.own});
    forest.targets.push_back({forest.row_count(), 0, 1});
    forest.tokens.push_back(sequence.last);
    forest.positions.push_back(sequence.position);
    add(sequence, false, {});
  }
  return forest;
}

void Batch::choose(const ForestPass& pass, const std::vector<std::int32_t>& target_of) {
  comm::Communicator& ranks = *backbone_.placement().tensor;
  const at::Tensor finite = at::isfinite(pass.log_likelihoods()).all();
  if (!nn::to_host(finite, ranks, "logits").item<bool>()) {
    throw NumericsError(
        "the model's logits are not finite; look at the prompt and the model's weights");
  }
  std::vector<TokenId> tokens(live_.size());
  if (backbone_.partition().scores) tokens = choose_here(pass, target_of);
  comm::Communicator& stages = *backbone_.placement().pipeline;
  stages.broadcast(std::as_writable_bytes(std::span(tokens)), stages.size() - 1, "next tokens");
  std::vector<Live> live;
  for (std::size_t i = 0; i < live_.size(); ++i) {
    if (accept(live_[i], tokens[i])) live.push_back(std::move(live_[i]));
  }
  live_ = std::move(live);
}

std::vector<TokenId> Batch::choose_here(const ForestPass& pass,
                                        const std::vector<std::int32_t>& target_of) {
  comm::Communicator& ranks = *backbone_.placement().tensor;
  const at::Tensor argmax = nn::to_host(pass.argmax(), ranks, "next tokens");
  const std::int64_t* likeliest = argmax.const_data_ptr<std::int64_t>();
  // Every target has its own row, since all targets have the same id.
  const at::Tensor logits =
      needs_logits()
          ? nn::to_host(pass.logits(), ranks, "logits").to(at::kFloat).contiguous().clone()
          : at::Tensor();
  const auto next = [&](Live& sequence, std::int32_t target) {
    if (!needs_logits()) return static_cast<TokenId>(likeliest[target]);
    const std::span row(logits.mutable_data_ptr<float>() + target * logits.size(1),
                        static_cast<std::size_t>(logits.size(1)));
    penalize(row, sequence.seen, options_.repetition_penalty);
    block_ngrams(row, results_[sequence.number].tokens, options_.block_ngrams);
    if (!samples()) {
      return static_cast<TokenId>(std::max_element(row.begin(), row.end()) - row.begin());
    }
    return sample_token(row, options_.temperature, options_.top_p, sequence.random);
  };
  std::vector<TokenId> tokens;
  for (std::size_t i = 0; i < live_.size(); ++i) tokens.push_back(next(live_[i], target_of[i]));
  return tokens;
}

bool Batch::accept(Live& sequence, TokenId token) {
  Generation& result = results_[sequence.number];
  const auto ends = [&](Ending ending) {
    result.ending = ending;
    return false;
  };
  if (std::count(options_.stops.begin(), options_.stops.end(), token) > 0) {
    return ends(Ending::kStop);
  }
  result.tokens.push_back(token);
  if (on_token_ && !on_token_(sequence.number, token)) return ends(Ending::kCaller);
  const bool is_full = static_cast<std::int64_t>(result.tokens.size()) == options_.max_tokens ||
                       sequence.position + 1 == backbone_.spec().max_positions;
  if (is_full) return ends(Ending::kLength);
  ++sequence.position;
  sequence.last = token;
  sequence.seen.insert(token);
  return true;
}

}  // namespace

std::uint64_t stream_of(const GenerationOptions& options, std::size_t i) {
  return options.streams.empty() ? i : options.streams.at(i);
}

std::vector<std::uint64_t> streams_from(std::uint64_t first, std::size_t count) {
  std::vector<std::uint64_t> streams(count);
  std::iota(streams.begin(), streams.end(), first);
  return streams;
}

Generator::Generator(const methods::Prompted& model,
                     const std::function<Sequence(PromptRows)>& beginning)
    : Generator(SharedBeginning(model, beginning)) {}

Generator::Generator(SharedBeginning beginning) : beginning_(std::move(beginning)) {
  // FSDP ranks would have to take every step together.
  if (beginning_.model().backbone().placement().fsdp->size() > 1) {
    throw ConfigError(
        "parallel.fsdp: text is not generated from FSDP layers; set it to "
        "false and split the model by parallel.tensor or parallel.pipeline");
  }
}

std::vector<Generation> Generator::run(std::vector<Sequence> sequences,
                                       const GenerationOptions& options,
                                       const TokenSink& on_token) {
  INCIPIT_CHECK(options.max_tokens >= 1 && options.temperature >= 0 && options.top_p > 0);
  INCIPIT_CHECK(options.streams.empty() || options.streams.size() == sequences.size());
  if (sequences.empty()) return {};
  Batch batch(beginning_.model().model, options, on_token, sequences.size(), store_);
  batch.begin(beginning_, std::move(sequences));
  while (!batch.is_done()) batch.step();
  return batch.take_results();
}

}  // namespace incipit::eval
