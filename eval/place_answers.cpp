#include "eval/place_answers.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "data/batch.h"
#include "data/entities.h"
#include "eval/shared_beginning.h"
#include "nn/host_copy.h"

namespace incipit::eval {
namespace {

using data::Example;

// Packs the sequences and computes a number of each of their targets: `of_pass` takes these from
// the pass. Writes them in the order of predictions.
template <typename Number, typename OfPass>
void numbers_of_targets(SharedBeginning& beginning, const std::vector<Sequence>& sequences,
                        const OfPass& of_pass, std::span<const std::span<double>> numbers) {
  const PackedForest packed = pack(sequences);
  const model::Backbone& backbone = beginning.model().backbone();
  if (packed.forest.targets.empty()) {  // texts without words: take part all the same
    (void)beginning.model().model.forward({});
    return;
  }
  const at::Tensor by_target = nn::to_host(of_pass(beginning.run(packed.forest, {}).pass),
                                           *backbone.placement().tensor, "outputs of the head");
  if (!backbone.partition().scores) return;
  const auto* found = by_target.const_data_ptr<Number>();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    for (std::size_t k = 0; k < numbers[i].size(); ++k) {
      numbers[i][k] = static_cast<double>(found[packed.targets[i][k]]);
    }
  }
}

// `at_each` numbers are computed at each row of a scored text.
ExampleSizes sizes_of(const data::Dataset& dataset, std::size_t at_each) {
  ExampleSizes sizes;
  for (const Example& example : dataset) {
    sizes.numbers.push_back(at_each * example.scored->rows.size());
    sizes.rows.push_back(static_cast<std::int64_t>(example.source.size()));
  }
  return sizes;
}

SharedBeginning beginning_of_places(const methods::Prompted& model, const data::Task& task) {
  return {model, [&](PromptRows rows) { return data::source_sequence(task, Example{}, rows); }};
}

// Returns the words of the answer: the largest sum of the outputs "begins here" at the first and
// "ends here" at the last word. `outputs` has both of every word.
Range best_span(const std::vector<double>& outputs) {
  constexpr std::int64_t kMostWords = 30;
  const auto words = std::ssize(outputs) / 2;
  Range best{0, 0};
  double highest = -std::numeric_limits<double>::infinity();
  for (std::int64_t first = 0; first < words; ++first) {
    for (std::int64_t last = first; last < std::min(words, first + kMostWords); ++last) {
      const double sum = outputs[2 * first] + outputs[2 * last + 1];
      if (sum <= highest) continue;
      highest = sum;
      best = {first, last + 1};
    }
  }
  return best;
}

std::string text_of(const data::ScoredText& scored, const Range& words) {
  if (words.empty()) return "";
  const auto begin = static_cast<std::size_t>(scored.places[words.begin].bytes.begin);
  const auto end = static_cast<std::size_t>(scored.places[words.end - 1].bytes.end);
  return scored.text.substr(begin, end - begin);
}

}  // namespace

std::vector<std::string> find_entities(const methods::Prompted& model, const data::Task& task,
                                       const data::Dataset& dataset, const EvalOptions& options,
                                       comm::Communicator& ranks,
                                       const ScoringProgress& on_progress) {
  SharedBeginning beginning = beginning_of_places(model, task);
  const auto largest_outputs = [&](const auto& examples, const auto& numbers) {
    std::vector<Sequence> sequences;
    for (const Example* example : examples) {
      const std::vector<TokenId> any(example->scored->rows.size(), 0);
      sequences.push_back(data::tags_sequence(task, *example, beginning.prompt_rows(), any));
    }
    numbers_of_targets<std::int64_t>(
        beginning, sequences, [](const model::ForestPass& pass) { return pass.argmax(); }, numbers);
  };
  const Likelihoods outputs =
      numbers_of_examples(model.model, dataset, sizes_of(dataset, 1), options.batch_tokens, ranks,
                          on_progress, largest_outputs);
  std::vector<std::string> answers;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const Example example = dataset[i];
    std::vector<int> tags(example.scored->places.size(), 0);
    const std::vector<double>& own = outputs[static_cast<std::size_t>(i)];
    for (std::size_t k = 0; k < own.size(); ++k) tags[k] = static_cast<int>(own[k]);
    answers.push_back(data::entities_json(example.scored->text, example.scored->places,
                                          data::entities_of_tags(tags), task.options().labels));
  }
  return answers;
}

std::vector<std::string> find_spans(const methods::Prompted& model, const data::Task& task,
                                    const data::Dataset& dataset, const EvalOptions& options,
                                    comm::Communicator& ranks, const ScoringProgress& on_progress) {
  SharedBeginning beginning = beginning_of_places(model, task);
  const auto both_outputs = [&](const auto& examples, const auto& numbers) {
    std::vector<Sequence> sequences;
    for (const Example* example : examples) {
      sequences.push_back(data::span_sequence(task, *example, beginning.prompt_rows()));
    }
    numbers_of_targets<double>(
        beginning, sequences,
        [](const model::ForestPass& pass) { return pass.log_likelihoods().to(at::kDouble); },
        numbers);
  };
  const Likelihoods outputs =
      numbers_of_examples(model.model, dataset, sizes_of(dataset, 2), options.batch_tokens, ranks,
                          on_progress, both_outputs);
  std::vector<std::string> answers;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    answers.push_back(text_of(*dataset[i].scored, best_span(outputs[static_cast<std::size_t>(i)])));
  }
  return answers;
}

}  // namespace incipit::eval
