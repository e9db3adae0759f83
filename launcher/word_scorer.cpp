#include "launcher/word_scorer.h"

#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "core/json.h"
#include "data/demonstrations.h"
#include "eval/answer_loss.h"
#include "eval/evaluation.h"
#include "launcher/search_dir.h"
#include "trainer/token_gradient.h"

namespace incipit::launcher {
namespace {

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::vector<data::Record> few_shot_records(const Session& session) {
  const data::Dataset& examples = session.splits().demonstrations;
  std::vector<std::int64_t> all(static_cast<std::size_t>(examples.size()));
  std::iota(all.begin(), all.end(), 0);
  if (all.empty()) return {};
  return data::demonstration_records(*session.task, examples, all);
}

}  // namespace

WordScorer::WordScorer(const Session& session, SearchJournal& journal,
                       const eval::RewordedSplit& train, const eval::RewordedSplit& validation,
                       OptionsOf options_of)
    : session_(session),
      journal_(journal),
      train_(train),
      validation_(validation),
      options_of_(std::move(options_of)),
      model_(*session.backbone),
      demonstrations_(few_shot_records(session)) {}

data::Task WordScorer::task_with(const eval::Words& words) const {
  data::Task task(options_of_(words), session_.task->model());
  task.set_demonstrations(demonstrations_);
  return task;
}

double WordScorer::loss(const char* name, const eval::Words& words,
                        const eval::RewordedSplit& examples) {
  if (const auto known = journal_.loss(name, words)) return *known;
  leave_if_stopped(session_);
  const data::Task task = task_with(words);
  const double mean = mean_of(eval::answer_losses(model_, task, examples.read(task),
                                                  session_.config.eval, session_.mesh->batch()));
  journal_.add_loss(name, words, mean);
  return mean;
}

double WordScorer::train_loss(const eval::Words& words) {
  return loss("train_loss", words, train_);
}

double WordScorer::validation_loss(const eval::Words& words) {
  return loss("validation_loss", words, validation_);
}

std::vector<ProposedToken> WordScorer::rank_tokens(const eval::TokenSpace& space,
                                                   const eval::Words& words, std::size_t position,
                                                   std::size_t depth) {
  const model::Backbone& backbone = *session_.backbone;
  if (differentiated_ != words) {
    const data::Task task = task_with(words);
    const data::Dataset dataset = train_.read(task);
    const std::vector<data::Example> examples(dataset.begin(), dataset.end());
    const int stages = backbone.placement().pipeline->size();
    gradient_ =
        trainer::token_gradient(backbone, *session_.mesh, task, examples, {space.offset(), words},
                                trainer::micro_batches(session_.config.train, stages));
    differentiated_ = words;
  }
  const std::vector<float> losses = trainer::first_order_losses(
      backbone, gradient_.select(0, static_cast<std::int64_t>(position)));
  const auto count = static_cast<std::size_t>(session_.config.search.candidates);
  const float present = losses[static_cast<std::size_t>(words[position])];
  std::vector<ProposedToken> tokens;
  for (const TokenId id : space.fitting(
           words, position, eval::ranked_tokens(space.tokens(), losses), depth * count, count)) {
    tokens.push_back({id, losses[static_cast<std::size_t>(id)] - present});
  }
  return tokens;
}

std::vector<TokenId> WordScorer::propose(const eval::TokenSpace& space, const eval::Words& words,
                                         std::size_t position, std::size_t depth) {
  const SearchJournal::Place place{words, position, depth};
  if (journal_.proposals(place) == nullptr) {
    leave_if_stopped(session_);
    // Rank 0 decides: sums in another order may rank equal tokens in another way.
    nlohmann::json list = nlohmann::json::array();
    for (const ProposedToken& each : rank_tokens(space, words, position, depth)) {
      list.push_back({each.token, each.change});
    }
    std::vector<ProposedToken> tokens;
    for (const auto& each : parse_json<nlohmann::json>(
             session_.world().broadcast(dump_json(list), 0, "proposed tokens"))) {
      tokens.push_back({each.at(0), each.at(1)});
    }
    journal_.add_proposals(place, std::move(tokens));
  }
  std::vector<TokenId> ids;
  for (const ProposedToken& each : *journal_.proposals(place)) ids.push_back(each.token);
  return ids;
}

WordScorer::Evaluated WordScorer::evaluate(const eval::Words& words, const std::string& split,
                                           const eval::RewordedSplit& examples) const {
  const data::Task task = task_with(words);
  const data::Dataset dataset = examples.read(task);
  comm::Communicator& ranks = session_.mesh->batch();
  const eval::EvalOptions& options = session_.config.eval;
  Evaluated evaluated;
  const eval::SplitResult result = eval::evaluate(model_, task, dataset, options, ranks);
  const bool sums = options.score.value_or(task.options().score) == eval::Score::kSum &&
                    !result.scores.scores.empty();
  evaluated.answers.losses = sums ? eval::candidate_losses(dataset, result.scores.scores)
                                  : eval::answer_losses(model_, task, dataset, options, ranks);
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const int label = dataset.facts(i).label;
    if (label < 0 || result.scores.predictions.empty()) continue;
    const bool right = result.scores.predictions[static_cast<std::size_t>(i)] == label;
    evaluated.answers.right.push_back(right ? 1 : 0);
  }
  evaluated.scores = {split, dataset.size(), mean_of(evaluated.answers.losses), result.metrics};
  return evaluated;
}

}  // namespace incipit::launcher
