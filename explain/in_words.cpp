#include "explain/in_words.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "core/check.h"
#include "core/random.h"
#include "data/batch.h"
#include "eval/batches.h"
#include "eval/content_free.h"
#include "eval/scorer.h"
#include "explain/fixed_prompt.h"
#include "explain/nearest_tokens.h"
#include "nn/host_copy.h"

namespace incipit::explain {
namespace {

constexpr std::uint64_t kWordStream = 0x576f7264;
constexpr int kFavoured = 64;    // tokens of a position that the gradient favours most
constexpr int kMostDraws = 200;  // of something that can be read back
constexpr int kMostReadings = 20;

using eval::Likelihoods;
using Text = std::vector<TokenId>;

// Returns the mean of KL(from || to), given log-probabilities.
double mean_divergence(const Likelihoods& from, const Likelihoods& to) {
  double sum = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    for (std::size_t c = 0; c < from[i].size(); ++c) {
      sum += std::exp(from[i][c]) * (from[i][c] - to[i][c]);
    }
  }
  return sum / static_cast<double>(from.size());
}

class Search {
 public:
  Search(const Subject& subject, const methods::Contribution& prompt, const WordSearch& search)
      : subject_(subject),
        search_(search),
        tokenizer_(subject.task.tokenizer()),
        random_(search.seed, kWordStream),
        prompt_(answers(prompt)) {
    for (TokenId id = 0; id < known_tokens(tokenizer_, subject.backbone); ++id) {
      if (!tokenizer_.is_special(id)) usable_.push_back(id);
    }
  }

  InWords run() {
    InWords result;
    Text text = start();
    double best = divergence(text);
    result.start = {text_of(text), best};
    const Text other = random_text();
    result.random = {text_of(other), divergence(other)};
    for (std::int64_t round = 0; round < search_.rounds; ++round) {
      if (search_.on_progress) search_.on_progress(round, search_.rounds);
      const std::vector<Text> favoured = changes_of(text);
      for (const Text& changed : favoured) {
        const double now = divergence(changed);
        if (now >= best) continue;
        best = now;
        text = changed;
      }
    }
    if (search_.on_progress) search_.on_progress(search_.rounds, search_.rounds);
    result.found = {text_of(text), best};
    return result;
  }

 private:
  [[nodiscard]] std::string text_of(const Text& text) const {
    return tokenizer_.decode(text, /*skip_special=*/false);
  }
  [[nodiscard]] bool can_be_read(const Text& text) const {
    return tokenizer_.encode(text_of(text)) == text;
  }

  // Returns the log-probabilities of every example's candidates.
  [[nodiscard]] Likelihoods answers(const methods::Contribution& prompt) const {
    const methods::PromptedModel model = model_with(subject_.backbone, prompt);
    Likelihoods scores =
        eval::score_candidates(model, subject_.task, subject_.examples,
                               {.batch_tokens = subject_.batch_tokens, .score = data::Score::kSum},
                               subject_.ranks)
            .scores;
    for (std::vector<double>& own : scores) eval::normalize(own);
    return scores;
  }
  [[nodiscard]] methods::Contribution as_prompt(const Text& text) const {
    methods::Contribution prompt;
    prompt.input_rows = subject_.backbone.embed(text).to(subject_.backbone.device());
    return prompt;
  }
  [[nodiscard]] double divergence(const Text& text) const {
    return mean_divergence(prompt_, answers(as_prompt(text)));
  }

  // Returns the text repeated or cut to the length of the search.
  [[nodiscard]] Text of_length(const Text& text) const {
    Text whole;
    for (std::int64_t i = 0; i < search_.tokens; ++i) {
      whole.push_back(text[static_cast<std::size_t>(i) % text.size()]);
    }
    return whole;
  }

  Text start() {
    Text text = of_length(search_.start);
    for (int reading = 0; reading < kMostReadings && !can_be_read(text); ++reading) {
      const Text read = tokenizer_.encode(text_of(text));
      if (read.empty()) break;
      text = of_length(read);
    }
    return can_be_read(text) ? text : random_text();
  }

  Text random_text() {
    Text text;
    while (std::ssize(text) < search_.tokens) {
      text.push_back(0);
      for (int draw = 0; draw < kMostDraws; ++draw) {
        text.back() = usable_[random_.below(usable_.size())];
        if (can_be_read(text)) break;
      }
    }
    return text;
  }

  // Returns d divergence / d row, [tokens, hidden] float32 on the CPU.
  [[nodiscard]] at::Tensor gradient(const Text& text) const {
    const methods::Contribution prompt = as_prompt(text);
    const Likelihoods now = answers(prompt);
    at::Tensor sum = at::zeros_like(prompt.input_rows);
    std::vector<std::int64_t> rows;
    for (const data::Example& example : subject_.examples) {
      rows.push_back(subject_.task.rows(example, 0) *
                     static_cast<std::int64_t>(example.candidates->size()));
    }
    const eval::Batches plan =
        eval::plan_batches(subject_.examples, rows, subject_.batch_tokens, 1);
    for (int b = 0; b < plan.count(); ++b) {
      add_gradient(
          prompt.input_rows, now,
          std::span(plan.order).subspan(plan.begins[b], plan.begins[b + 1] - plan.begins[b]), sum);
    }
    return sum.to(at::kCPU, at::kFloat);
  }

  void add_gradient(const at::Tensor& rows, const Likelihoods& now,
                    std::span<const std::int64_t> batch, const at::Tensor& sum) const {
    std::vector<data::Example> examples;
    for (const std::int64_t index : batch) examples.push_back(subject_.examples[index]);
    std::vector<const data::Example*> pointers;
    for (const data::Example& example : examples) pointers.push_back(&example);
    const data::ScoringBatch scoring =
        data::scoring_batch(subject_.task, pointers, {.rows = static_cast<int>(rows.size(0))});
    std::vector<double> by_target(scoring.packed.forest.targets.size(), 0);
    const auto count = static_cast<double>(now.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto example = static_cast<std::size_t>(batch[i]);
      for (std::size_t c = 0; c < now[example].size(); ++c) {
        for (const std::int32_t target : scoring.packed.targets[scoring.first[i] + c]) {
          by_target[target] += (std::exp(now[example][c]) - std::exp(prompt_[example][c])) / count;
        }
      }
    }
    model::ForestPass pass(subject_.backbone, scoring.packed.forest, {&rows, 1},
                           {.for_backward = true});
    at::Tensor added = at::zeros_like(rows);
    (void)pass.backward(nn::upload(by_target, subject_.backbone.device()), {&added, 1});
    sum.add_(added);
  }

  // Returns changes of one token that lower the divergence most to first order, drawn at random.
  std::vector<Text> changes_of(const Text& text) {
    const at::Tensor favoured = favoured_tokens(-gradient(text));
    std::vector<Text> changes;
    for (int draw = 0; draw < kMostDraws && std::ssize(changes) < search_.tries; ++draw) {
      Text changed = text;
      const std::uint64_t position = random_.below(text.size());
      const auto rank =
          static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(favoured.size(1))));
      changed[position] = static_cast<TokenId>(
          favoured[static_cast<std::int64_t>(position)][rank].item<std::int64_t>());
      const bool known = std::find(changes.begin(), changes.end(), changed) != changes.end();
      if (changed != text && !known && can_be_read(changed)) changes.push_back(std::move(changed));
    }
    return changes;
  }

  // Returns the ids of the tokens whose embeddings go furthest in each direction: [n, kFavoured].
  [[nodiscard]] at::Tensor favoured_tokens(const at::Tensor& directions) const {
    constexpr std::int64_t kAtOnce = 8192;
    std::vector<at::Tensor> values;
    std::vector<at::Tensor> ids;
    for (std::size_t first = 0; first < usable_.size(); first += kAtOnce) {
      const auto part =
          std::span(usable_).subspan(first, std::min<std::size_t>(kAtOnce, usable_.size() - first));
      const at::Tensor gains = at::matmul(directions, subject_.backbone.embed(part).t());
      const auto [top, index] =
          at::topk(gains, std::min<std::int64_t>(kFavoured, gains.size(1)), 1);
      values.push_back(top);
      const std::vector<std::int64_t> wide(part.begin(), part.end());
      ids.push_back(nn::upload(wide, at::kCPU).index_select(0, index.view(-1)).view_as(index));
    }
    const at::Tensor all = at::cat(values, 1);
    const auto order =
        std::get<1>(at::topk(all, std::min<std::int64_t>(kFavoured, all.size(1)), 1));
    return at::cat(ids, 1).gather(1, order);
  }

  const Subject& subject_;
  const WordSearch& search_;
  const data::Tokenizer& tokenizer_;
  Random random_;
  Likelihoods prompt_;
  std::vector<TokenId> usable_;
};

}  // namespace

InWords in_words(const Subject& subject, const methods::Contribution& prompt,
                 const WordSearch& search) {
  INCIPIT_CHECK(search.tokens > 0 && !search.start.empty(), "a text to start from");
  return Search(subject, prompt, search).run();
}

}  // namespace incipit::explain
