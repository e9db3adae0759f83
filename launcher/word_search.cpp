#include "launcher/word_search.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/stop_request.h"
#include "data/demonstrations.h"
#include "eval/evaluation.h"
#include "launcher/search_dir.h"
#include "report/search_page.h"

namespace incipit::launcher {
namespace {

data::Dataset draw_training(const Session& session) {
  const data::Dataset& train = session.splits().train;
  const std::int64_t count = std::min(session.config.search.examples, train.size());
  return train.subset(
      data::draw_examples(train, count, !session.task->labels().empty(), session.config.run.seed));
}

}  // namespace

WordSearch::WordSearch(const configs::RunConfig& config, std::optional<Phrases> phrases)
    : session_(open_session(config, 0, {.train = true, .validation = true, .test = true})),
      dir_(config.run.output_dir),
      train_examples_(draw_training(session_)),
      validation_examples_(data::draw_queries(session_.splits().validation,
                                              config.search.validation, config.run.seed)),
      train_(*session_.task, train_examples_, /*training=*/true),
      validation_(*session_.task, validation_examples_, /*training=*/false),
      words_(session_, std::move(phrases), train_, validation_) {
  const std::int64_t least = train_.size() + validation_.size();
  if (config.search.passes >= least) return;
  throw ConfigError("search.passes: is " + std::to_string(config.search.passes) +
                    "; scoring the start takes " + std::to_string(least));
}

// A larger budget continues the same search.
std::string WordSearch::identity() const {
  configs::RunConfig config = session_.config;
  config.search.passes = configs::RunConfig().search.passes;
  return search_identity(
      session_, config, words_.file_text(),
      {&train_examples_, &validation_examples_, &session_.splits().demonstrations});
}

void WordSearch::open_journal() {
  const std::string own = identity();
  const std::filesystem::path file = open_search_dir(session_, dir_, "search", own);
  journal_.emplace(file, own, session_.world());
  begin_search(file, journal_->resumed());
}

eval::WordClimb WordSearch::make_climb(WordScorer& scorer, std::int64_t budget, const char* title) {
  if (session_.is_rank_zero()) {
    if (progress_) progress_->finish();
    progress_ = std::make_unique<telemetry::Progress>(title, budget);
  }
  return {scorer, train_.size(), validation_.size(), budget, [this](std::int64_t passes) {
            if (progress_) progress_->update(passes);
          }};
}

void WordSearch::search(WordScorer& scorer, eval::WordClimb& climb) {
  const eval::TokenSpace* const tokens = words_.tokens();
  if (tokens == nullptr) return eval::climb_over_phrases(climb, words_.sizes());
  // The backward pass of a frozen model computes about as much as the forward pass.
  const std::int64_t gradient_cost = 2 * train_.size();
  eval::climb_over_tokens(
      climb, words_.start(), gradient_cost,
      [&](const eval::Words& words, std::size_t position, std::size_t depth) {
        return scorer.propose(*tokens, words, position, depth);
      },
      session_.config.run.seed);
}

void WordSearch::search_at_random(eval::WordClimb& climb) {
  eval::climb_at_random(
      climb, words_.start(), [&](Random& random) { return words_.draw(random); },
      session_.config.run.seed);
}

eval::ShownWords WordSearch::shown(const eval::WordStep& step) const {
  return {words_.texts(step.words), step.train_loss, step.validation_loss, step.passes};
}

eval::WordOutcome WordSearch::outcome(const std::string& name, const eval::WordClimb& climb) const {
  eval::WordOutcome outcome{.name = name,
                            .words = shown(climb.best()),
                            .scored = static_cast<std::int64_t>(climb.scored()),
                            .passes = climb.passes(),
                            .steps = {},
                            .splits = {}};
  for (const eval::WordStep& step : climb.steps()) outcome.steps.push_back(shown(step));
  return outcome;
}

void WordSearch::fill_results(const eval::WordClimb& found, const eval::WordClimb& random) {
  const eval::WordStep& first = found.steps().front();
  results_.task = std::filesystem::path(session_.config.task.name).stem().string();
  if (results_.task.empty()) results_.task = session_.config.run.name;
  results_.metric = eval::metric_names(*session_.task).front();
  results_.slots = words_.slots();
  results_.budget = session_.config.search.passes;
  results_.train_examples = train_.size();
  results_.validation_examples = validation_.size();
  results_.outcomes = {{.name = "start",
                        .words = shown(first),
                        .scored = 1,
                        .passes = first.passes,
                        .steps = {},
                        .splits = {}},
                       outcome("search", found),
                       outcome("random", random)};
}

// Scores the words of every outcome on the whole of validation and test.
void WordSearch::evaluate(const WordScorer& scorer, const std::vector<eval::Words>& words) {
  const data::Splits& splits = session_.splits();
  for (const auto& [name, split] :
       {std::pair{"validation", &splits.validation}, std::pair{"test", &splits.test}}) {
    if (!split->labelled()) continue;
    const eval::RewordedSplit examples(*session_.task, *split, /*training=*/false);
    std::vector<eval::WordAnswers> answers;
    for (std::size_t i = 0; i < words.size(); ++i) {
      WordScorer::Evaluated evaluated = scorer.evaluate(words[i], name, examples);
      results_.outcomes[i].splits.push_back(std::move(evaluated.scores));
      answers.push_back(std::move(evaluated.answers));
    }
    const auto gains = eval::word_gains(name, answers[1], answers[2]);
    results_.gains.insert(results_.gains.end(), gains.begin(), gains.end());
  }
}

// The configuration becomes that of the words found.
void WordSearch::write(const eval::Words& best) const {
  write_atomically(dir_ / "search.json", eval::search_json(results_));
  write_atomically(dir_ / "report.html", report::search_page(results_));
  configs::RunConfig config = session_.config;
  config.task = words_.options(best);
  write_atomically(dir_ / "config.yaml", configs::resolved_yaml(config));
}

std::optional<eval::SearchResults> WordSearch::run() {
  open_journal();
  WordScorer scorer(session_, *journal_, train_, validation_,
                    [this](const eval::Words& words) { return words_.options(words); });
  eval::WordClimb found = make_climb(scorer, session_.config.search.passes, "search");
  search(scorer, found);
  eval::WordClimb random = make_climb(scorer, found.passes(), "random control");
  search_at_random(random);
  if (progress_) progress_->finish();
  fill_results(found, random);
  evaluate(scorer, {words_.start(), found.best().words, random.best().words});
  if (!session_.is_rank_zero()) return std::nullopt;
  write(found.best().words);
  on_stop_signal(OnSignal::kDone);
  return results_;
}

}  // namespace incipit::launcher
