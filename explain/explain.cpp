#include "explain/explain.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cosine_similarity.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/check.h"
#include "explain/fixed_prompt.h"
#include "explain/look_inside.h"
#include "explain/nearest_tokens.h"
#include "explain/projection.h"
#include "explain/rank_correlation.h"
#include "methods/draws.h"

namespace incipit::explain {
namespace {

using methods::Contribution;

constexpr int kNearest = 5;
constexpr int kLikeliest = 3;
constexpr std::int64_t kProjectedTokens = 500;
constexpr std::uint64_t kRandomStream = 0x4578706c;

at::Tensor rows_of(const Contribution& prompt) {
  return prompt.input_rows.to(at::kCPU, at::kFloat).contiguous();
}

// Returns random directions with the lengths of `rows`.
at::Tensor random_like(const at::Tensor& rows, std::uint64_t seed) {
  const at::Tensor drawn =
      methods::Draws(seed, kRandomStream, at::kCPU).normal(rows.sizes(), /*deviation=*/1);
  return drawn * row_norms(rows) / row_norms(drawn);
}

// Returns the share of the nearest tokens by cosine that two vectors have in common.
double shared(const Neighbours& a, const Neighbours& b) {
  int common = 0;
  for (const RatedToken& token : a.by_cosine) {
    common += static_cast<int>(std::any_of(b.by_cosine.begin(), b.by_cosine.end(),
                                           [&](const RatedToken& t) { return t.id == token.id; }));
  }
  return static_cast<double>(common) / static_cast<double>(a.by_cosine.size());
}

// The rows of a prompt with their nearest tokens.
struct Compared {
  std::string name;
  at::Tensor rows;
  std::vector<Neighbours> nearest;
};

Agreement agreement(const Compared& a, const Compared& b) {
  Agreement result{.first = a.name, .second = b.name};
  const auto positions = a.nearest.size();
  for (std::size_t i = 0; i < positions; ++i) {
    for (std::size_t j = 0; j < positions; ++j) {
      (i == j ? result.shared : result.elsewhere) += shared(a.nearest[i], b.nearest[j]);
    }
  }
  const auto count = static_cast<double>(positions);
  result.cosine = at::cosine_similarity(a.rows, b.rows, 1).mean().item<double>();
  result.shared /= count;
  if (positions > 1) result.elsewhere /= count * (count - 1);
  return result;
}

// Computes losses and reports progress.
class LossSeries {
 public:
  LossSeries(const Subject& subject, const Request& request, std::int64_t total)
      : subject_(subject), request_(request), total_(total) {
    tell();
  }
  std::vector<ExampleLoss> operator()(const Contribution& prompt) {
    std::vector<ExampleLoss> losses = example_losses(subject_, prompt);
    ++done_;
    tell();
    return losses;
  }

 private:
  void tell() const {
    if (request_.on_progress) request_.on_progress(done_, total_);
  }
  const Subject& subject_;
  const Request& request_;
  std::int64_t done_ = 0;
  std::int64_t total_;
};

class Explainer {
 public:
  Explainer(const Subject& subject, const Request& request)
      : subject_(subject),
        request_(request),
        prompt_(request.prompts.front().prompt),
        deep_(is_deep(prompt_)),
        positions_(positions_of(prompt_)),
        second_(patchable()),
        losses_(subject, request, planned_losses()) {}

  Explanation run() {
    result_.deep = deep_;
    result_.examples = subject_.examples.size();
    result_.loss_name = subject_.by_candidates ? "candidates" : "target_tokens";
    for (const NamedPrompt& each : request_.prompts) result_.adapters.push_back(each.name);
    result_.positions.resize(static_cast<std::size_t>(positions_));
    result_.loss_without = mean_loss(losses_({}));
    whole_ = losses_(prompt_);
    result_.loss = mean_loss(whole_);
    if (!deep_) read_rows();
    remove_positions();
    if (!deep_) snap_positions();
    if (second_) patch_positions();
    const auto mass = attention_mass(subject_, prompt_);
    for (std::size_t i = 0; i < mass.size(); ++i) result_.positions[i].attention = mass[i];
    return std::move(result_);
  }

 private:
  // Returns the second prompt if its rows can be put into the first.
  [[nodiscard]] const Contribution* patchable() const {
    if (deep_ || request_.prompts.size() < 2) return nullptr;
    const Contribution& second = request_.prompts[1].prompt;
    return !is_deep(second) && positions_of(second) == positions_ ? &second : nullptr;
  }

  [[nodiscard]] std::int64_t planned_losses() const {
    return 2 + positions_ + (deep_ ? 0 : positions_ + 1) + (second_ ? positions_ + 1 : 0);
  }

  Compared compared(const std::string& name, const at::Tensor& rows) const {
    return {name, rows,
            nearest_tokens(rows, kNearest, subject_.task.tokenizer(), subject_.backbone)};
  }

  // Fills in everything that needs only the rows.
  void read_rows() {
    const at::Tensor rows = rows_of(prompt_);
    std::vector<Compared> all{compared(request_.prompts.front().name, rows)};
    std::vector<NamedRows> projected{{all.front().name, rows}};
    const Compared random = compared("random", random_like(rows, request_.seed));
    for (std::size_t p = 1; p < request_.prompts.size(); ++p) {
      const Contribution& other = request_.prompts[p].prompt;
      if (is_deep(other) || positions_of(other) != positions_) continue;
      all.push_back(compared(request_.prompts[p].name, rows_of(other)));
      projected.emplace_back(all.back().name, all.back().rows);
    }
    if (request_.initial.defined()) {
      all.push_back(compared("initial values", request_.initial.to(at::kCPU, at::kFloat)));
      projected.emplace_back(all.back().name, all.back().rows);
    }
    for (std::size_t a = 0; a < all.size(); ++a) {
      for (std::size_t b = a + 1; b < all.size(); ++b) {
        result_.agreement.push_back(agreement(all[a], all[b]));
      }
    }
    result_.agreement.push_back(agreement(all.front(), random));
    const auto lens = logit_lens(subject_, prompt_, kLikeliest);
    for (std::size_t i = 0; i < result_.positions.size(); ++i) {
      Position& position = result_.positions[i];
      position.norm = row_norms(rows)[static_cast<std::int64_t>(i)].item<double>();
      position.trained = all.front().nearest[i];
      position.random = random.nearest[i];
      if (request_.initial.defined()) position.initial = all.back().nearest[i];
      position.lens = lens[i];
    }
    result_.projection =
        project(projected, kProjectedTokens, subject_.task.tokenizer(), subject_.backbone);
  }

  [[nodiscard]] double rise(const std::vector<ExampleLoss>& losses, Half half = Half::kBoth) const {
    return mean_loss(losses, half) - mean_loss(whole_, half);
  }

  void remove_positions() {
    std::vector<double> even;
    std::vector<double> odd;
    for (std::int64_t i = 0; i < positions_; ++i) {
      const auto losses = losses_(without_position(prompt_, i));
      result_.positions[i].removed = rise(losses);
      if (losses.size() < 2) continue;
      even.push_back(rise(losses, Half::kEven));
      odd.push_back(rise(losses, Half::kOdd));
    }
    result_.split_half = rank_correlation(even, odd);
  }

  void snap_positions() {
    std::vector<TokenId> ids;
    for (const Position& position : result_.positions) {
      ids.push_back(position.trained.by_cosine.front().id);
    }
    const at::Tensor tokens = subject_.backbone.embed(ids).to(subject_.backbone.device());
    for (std::int64_t i = 0; i < positions_; ++i) {
      result_.positions[i].snapped = rise(losses_(with_row(prompt_, i, tokens[i])));
    }
    Contribution text;
    text.input_rows = tokens;
    result_.loss_snapped = mean_loss(losses_(text));
  }

  void patch_positions() {
    result_.loss_second = mean_loss(losses_(*second_));
    for (std::int64_t i = 0; i < positions_; ++i) {
      const at::Tensor row = second_->input_rows[i];
      result_.positions[i].patched = rise(losses_(with_row(prompt_, i, row)));
    }
  }

  const Subject& subject_;
  const Request& request_;
  const Contribution& prompt_;
  bool deep_;
  std::int64_t positions_;
  const Contribution* second_;
  LossSeries losses_;
  std::vector<ExampleLoss> whole_;
  Explanation result_;
};

}  // namespace

Explanation explain(const Subject& subject, const Request& request) {
  INCIPIT_CHECK(!request.prompts.empty() && !subject.examples.empty(), "nothing to explain");
  INCIPIT_CHECK(positions_of(request.prompts.front().prompt) > 0, "a prompt without positions");
  return Explainer(subject, request).run();
}

}  // namespace incipit::explain
