#include "launcher/commands/search.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "comm/agreement.h"
#include "configs/list_blocks.h"
#include "configs/phrases.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/log.h"
#include "core/sha256.h"
#include "core/stop_request.h"
#include "eval/reworded_split.h"
#include "eval/search_results.h"
#include "eval/token_space.h"
#include "eval/word_climb.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/command_line.h"
#include "launcher/json_output.h"
#include "launcher/search_dir.h"
#include "launcher/search_journal.h"
#include "launcher/search_table.h"
#include "launcher/session.h"
#include "launcher/word_scorer.h"
#include "report/search_page.h"
#include "telemetry/output.h"
#include "telemetry/progress.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

struct SearchArguments {
  ConfigArguments config;
  std::string phrases;
  std::string output;
  bool json = false;
};

// Checks what a search over words requires.
void check_search_options(const configs::RunConfig& config, const configs::Report& report,
                          bool tokens) {
  check_shared_text_options(config, report);
  const data::TaskOptions& task = config.task;
  if (task.train.empty()) report("task.train", "missing; words are scored on training examples");
  if (task.validation.file.empty() && task.validation.share == 0) {
    report("task.validation", "missing; words are judged on the validation split");
  }
  if (config.search.examples < std::ssize(task.verbalizer)) {
    report("search.examples", "is " + std::to_string(config.search.examples) +
                                  "; expected at least one example of each of the " +
                                  std::to_string(task.verbalizer.size()) + " labels");
  }
  if (tokens && task.shots > 0) {
    report("task.shots",
           "a search over tokens puts them before the input, not before examples; "
           "expected 0, or --phrases");
  }
  if (tokens && !task.prompt_file.empty()) {
    report("task.prompt_file",
           "a search over tokens puts them before the input, not before a prompt; "
           "expected none, or --phrases");
  }
}

configs::RunConfig load_search(const SearchArguments& arguments) {
  const bool tokens = arguments.phrases.empty();
  configs::RunConfig config = load_one_task(
      arguments.config, [tokens](const configs::RunConfig& read, const configs::Report& report) {
        check_search_options(read, report, tokens);
      });
  config.method = methods::MethodOptions();
  config.method.kind = methods::kNoMethod;
  config.run.output_dir =
      arguments.output.empty() ? config.run.output_dir + "-search" : arguments.output;
  return config;
}

// The phrases, and the task as it was before they were put in.
struct Phrases {
  std::string text;  // of the file
  std::vector<configs::PhraseSlot> slots;
  data::TaskOptions task;
};

std::optional<Phrases> load_phrases(const SearchArguments& arguments, configs::RunConfig& config) {
  if (arguments.phrases.empty()) return std::nullopt;
  Phrases phrases{
      .text = configs::read_yaml_text(arguments.phrases), .slots = {}, .task = config.task};
  phrases.slots = configs::parse_phrases(phrases.text, arguments.phrases, config.task);
  const eval::Words first(phrases.slots.size(), 0);
  config.task = configs::with_phrases(phrases.task, phrases.slots, first);
  return phrases;
}

data::Dataset draw_training(const Session& session) {
  const data::Dataset& train = session.splits().train;
  const std::int64_t count = std::min(session.config.search.examples, train.size());
  return train.subset(
      data::draw_examples(train, count, !session.task->labels().empty(), session.config.run.seed));
}

// One search with its random control, on all ranks.
class SearchCommand {
 public:
  SearchCommand(const SearchArguments& arguments, configs::RunConfig config)
      : arguments_(arguments),
        phrases_(load_phrases(arguments, config)),
        session_(open_session(config, 0, {.train = true, .validation = true, .test = true})),
        dir_(config.run.output_dir),
        train_examples_(draw_training(session_)),
        validation_examples_(data::draw_queries(session_.splits().validation,
                                                config.search.validation, config.run.seed)),
        train_(*session_.task, train_examples_, /*training=*/true),
        validation_(*session_.task, validation_examples_, /*training=*/false) {
    if (phrases_) {
      comm::require_same(session_.world(), "phrases", phrases_->text);
      start_.assign(phrases_->slots.size(), 0);
    } else {
      std::vector<data::Record> records = train_.records();
      records.insert(records.end(), validation_.records().begin(), validation_.records().end());
      space_.emplace(*session_.task, std::move(records));
      start_ = first_tokens();
    }
  }

  void run();

 private:
  [[nodiscard]] eval::Words first_tokens() const;
  [[nodiscard]] data::TaskOptions options_with(const eval::Words& words) const;
  [[nodiscard]] std::vector<std::string> texts_of(const eval::Words& words) const;
  [[nodiscard]] std::string identity() const;
  void open_journal();
  [[nodiscard]] eval::WordClimb make_climb(WordScorer& scorer, std::int64_t budget,
                                           const char* title);
  void search(WordScorer& scorer, eval::WordClimb& climb);
  void search_at_random(eval::WordClimb& climb);
  [[nodiscard]] eval::ShownWords shown(const eval::WordStep& step) const;
  [[nodiscard]] eval::WordOutcome outcome(const std::string& name,
                                          const eval::WordClimb& climb) const;
  void fill_results(const eval::WordClimb& found, const eval::WordClimb& random);
  void evaluate(const WordScorer& scorer, const std::vector<eval::Words>& words);
  void write(const eval::Words& best) const;
  void print() const;

  const SearchArguments& arguments_;
  std::optional<Phrases> phrases_;
  Session session_;
  fs::path dir_;
  data::Dataset train_examples_;
  data::Dataset validation_examples_;
  eval::RewordedSplit train_;
  eval::RewordedSplit validation_;
  std::optional<eval::TokenSpace> space_;  // of a search over tokens
  eval::Words start_;
  std::optional<SearchJournal> journal_;
  std::unique_ptr<telemetry::Progress> progress_;  // rank 0 only
  eval::SearchResults results_;
};

eval::Words SearchCommand::first_tokens() const {
  constexpr std::uint64_t kStartStream = 0x7374617274;  // "start"
  const eval::SearchOptions& options = session_.config.search;
  if (options.start.empty()) {
    Random random(session_.config.run.seed, kStartStream);
    return space_->draw(options.length, random);
  }
  eval::Words words = session_.task->tokenizer().encode(options.start);
  if (words.empty() || !space_->survives(words)) {
    throw ConfigError(
        "search.start: '" + options.start +
        "' has other tokens before the task's text; expected text of one line without special "
        "tokens; a line break in between keeps the tokens: --set 'task.source_prefix=\"\\n\"'");
  }
  return words;
}

data::TaskOptions SearchCommand::options_with(const eval::Words& words) const {
  return phrases_ ? configs::with_phrases(phrases_->task, phrases_->slots, words)
                  : space_->options(words);
}

std::vector<std::string> SearchCommand::texts_of(const eval::Words& words) const {
  if (!phrases_) return {space_->text(words)};
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < words.size(); ++i) {
    texts.push_back(phrases_->slots[i].phrases[static_cast<std::size_t>(words[i])]);
  }
  return texts;
}

// Returns a hash of all that the entries of the journal depend on. A larger budget continues the
// same search.
std::string SearchCommand::identity() const {
  configs::RunConfig config = session_.config;
  const configs::RunConfig standard;
  config.run.name = config.run.output_dir = "";
  config.parallel = standard.parallel;
  config.metrics = standard.metrics;
  config.log = standard.log;
  config.train = standard.train;
  config.eval = standard.eval;
  config.search.passes = standard.search.passes;
  std::string text = configs::resolved_yaml(config) + session_.headers_sha256;
  if (phrases_) text += phrases_->text;
  for (const data::Dataset* each :
       {&train_examples_, &validation_examples_, &session_.splits().demonstrations}) {
    text += ":" + std::to_string(each->fingerprint());
  }
  return sha256_hex(std::as_bytes(std::span(text)));
}

// Continues the search in the run directory, or starts one there.
void SearchCommand::open_journal() {
  const fs::path file = dir_ / "search.jsonl";
  const std::string own = identity();
  open_search_dir(session_, dir_, "search.jsonl", own, "search");
  journal_.emplace(file, own, session_.world());
  on_stop_signal(OnSignal::kStop);
  if (journal_->resumed() > 0) {
    log::info("{}: {} steps of the search are there already", file.string(), journal_->resumed());
  }
}

eval::WordClimb SearchCommand::make_climb(WordScorer& scorer, std::int64_t budget,
                                          const char* title) {
  if (session_.is_rank_zero()) {
    if (progress_) progress_->finish();
    progress_ = std::make_unique<telemetry::Progress>(title, budget);
  }
  return {scorer, train_.size(), validation_.size(), budget, [this](std::int64_t passes) {
            if (progress_) progress_->update(passes);
          }};
}

void SearchCommand::search(WordScorer& scorer, eval::WordClimb& climb) {
  if (phrases_) {
    std::vector<std::size_t> sizes;
    for (const configs::PhraseSlot& slot : phrases_->slots) sizes.push_back(slot.phrases.size());
    return eval::climb_over_phrases(climb, sizes);
  }
  // The backward pass of a frozen model computes about as much as the forward pass.
  const std::int64_t gradient_cost = 2 * train_.size();
  eval::climb_over_tokens(
      climb, start_, gradient_cost,
      [&](const eval::Words& words, std::size_t position, std::size_t depth) {
        return scorer.propose(*space_, words, position, depth);
      },
      session_.config.run.seed);
}

void SearchCommand::search_at_random(eval::WordClimb& climb) {
  const auto draw = [&](Random& random) {
    if (!phrases_) return space_->draw(std::ssize(start_), random);
    eval::Words words;
    for (const configs::PhraseSlot& slot : phrases_->slots) {
      words.push_back(static_cast<std::int32_t>(random.below(slot.phrases.size())));
    }
    return words;
  };
  eval::climb_at_random(climb, start_, draw, session_.config.run.seed);
}

eval::ShownWords SearchCommand::shown(const eval::WordStep& step) const {
  return {texts_of(step.words), step.train_loss, step.validation_loss, step.passes};
}

eval::WordOutcome SearchCommand::outcome(const std::string& name,
                                         const eval::WordClimb& climb) const {
  eval::WordOutcome outcome{.name = name,
                            .words = shown(climb.best()),
                            .scored = static_cast<std::int64_t>(climb.scored()),
                            .passes = climb.passes(),
                            .steps = {},
                            .splits = {}};
  for (const eval::WordStep& step : climb.steps()) outcome.steps.push_back(shown(step));
  return outcome;
}

void SearchCommand::fill_results(const eval::WordClimb& found, const eval::WordClimb& random) {
  const eval::WordStep& first = found.steps().front();
  results_.task = fs::path(session_.config.task.name).stem().string();
  if (results_.task.empty()) results_.task = session_.config.run.name;
  results_.metric = eval::metric_names(*session_.task).front();
  if (phrases_) {
    for (const configs::PhraseSlot& slot : phrases_->slots) results_.slots.push_back(slot.slot);
  }
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
void SearchCommand::evaluate(const WordScorer& scorer, const std::vector<eval::Words>& words) {
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

// Writes the results. The configuration becomes that of the words found.
void SearchCommand::write(const eval::Words& best) const {
  write_atomically(dir_ / "search.json", eval::search_json(results_));
  write_atomically(dir_ / "report.html", report::search_page(results_));
  configs::RunConfig config = session_.config;
  config.task = options_with(best);
  write_atomically(dir_ / "config.yaml", configs::resolved_yaml(config));
}

void SearchCommand::print() const {
  if (arguments_.json) {
    nlohmann::ordered_json json{{"run", dir_.string()}};
    json.update(parse_json<nlohmann::ordered_json>(eval::search_json(results_)));
    return print_json(json);
  }
  const telemetry::Style style = telemetry::Style::of_stdout();
  print_search(std::cout, style, results_);
  telemetry::print_facts(std::cout, style,
                         {{"page", (dir_ / "report.html").string()}, {"run", dir_.string()}});
}

void SearchCommand::run() {
  const eval::SearchOptions& options = session_.config.search;
  if (options.passes < train_.size() + validation_.size()) {
    throw ConfigError("search.passes: is " + std::to_string(options.passes) +
                      "; scoring the start takes " +
                      std::to_string(train_.size() + validation_.size()));
  }
  open_journal();
  WordScorer scorer(session_, *journal_, train_, validation_,
                    [this](const eval::Words& words) { return options_with(words); });
  eval::WordClimb found = make_climb(scorer, options.passes, "search");
  search(scorer, found);
  eval::WordClimb random = make_climb(scorer, found.passes(), "random control");
  search_at_random(random);
  if (progress_) progress_->finish();
  fill_results(found, random);
  evaluate(scorer, {start_, found.best().words, random.best().words});
  if (!session_.is_rank_zero()) return;
  write(found.best().words);
  on_stop_signal(OnSignal::kDone);
  print();
}

}  // namespace

void add_search_command(Command& program) {
  const auto arguments = std::make_shared<SearchArguments>();
  Command* command = program.add_subcommand(
      "search", "Search for the words of a prompt: tokens by gradient, or phrases of a template");
  add_config_arguments(*command, arguments->config);
  add_task_argument(*command, arguments->config);
  command
      ->add_option("--phrases", arguments->phrases,
                   "a YAML list of slots and their phrases, to search over them in place of tokens")
      ->type_name("FILE");
  command
      ->add_option("--output", arguments->output,
                   "run directory (default: run.output_dir with -search)")
      ->type_name("DIR");
  add_json_flag(*command, arguments->json);
  command->example(
      "mpirun -n 2 incipit search configs/recipes/town_hall.yaml --set search.passes=10000");
  command->callback([arguments] { SearchCommand(*arguments, load_search(*arguments)).run(); });
}

}  // namespace incipit::launcher
