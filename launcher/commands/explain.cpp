#include "launcher/commands/explain.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "core/launch.h"
#include "core/log.h"
#include "core/random.h"
#include "explain/explain.h"
#include "explain/explanation_json.h"
#include "explain/fixed_prompt.h"
#include "explain/in_words.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/command_line.h"
#include "launcher/evaluation_progress.h"
#include "launcher/json_output.h"
#include "launcher/prompt_source.h"
#include "launcher/run_dir.h"
#include "launcher/session.h"
#include "report/explain_page.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kExampleStream = 0x4578616d;  // random stream for the drawn examples

struct ExplainArguments {
  std::vector<fs::path> adapters;
  ConfigArguments config;
  std::string split = "validation";
  std::int64_t examples = 64;
  fs::path output;
  std::optional<std::int64_t> in_words;  // tokens of the text
  bool json = false;
};

// Returns the absolute path, without a slash at its end.
fs::path absolute_folder(const fs::path& path) {
  fs::path whole = fs::absolute(path).lexically_normal();
  return whole.filename().empty() ? whole.parent_path() : whole;
}

// Returns the directory of the run that an adapter belongs to; nothing if there is none.
std::optional<fs::path> run_of(const fs::path& adapter) {
  fs::path folder = absolute_folder(adapter);
  if (is_run_dir(folder)) return adapter;
  constexpr int kMostLevels = 3;  // RUN/adapter/best/TASK
  for (int level = 0; level < kMostLevels && folder.has_relative_path(); ++level) {
    folder = folder.parent_path();
    if (is_run_dir(folder)) return folder;
  }
  return std::nullopt;
}

// Returns NAME of RUN/adapter/best/NAME: the task, or member of a sweep, of the prompt; else "".
std::string task_of(const fs::path& run, const fs::path& adapter) {
  const fs::path inside = absolute_folder(adapter).lexically_relative(absolute_folder(run));
  constexpr int kLevels = 3;
  return std::distance(inside.begin(), inside.end()) == kLevels ? inside.filename().string() : "";
}

configs::RunConfig load_explained(const ExplainArguments& arguments) {
  ConfigArguments given = arguments.config;
  if (given.config.empty()) {
    const std::optional<fs::path> run = run_of(arguments.adapters.front());
    if (!run) {
      throw ConfigError(arguments.adapters.front().string() +
                        ": is in no run directory; name the run or configuration that it was "
                        "trained with by --config");
    }
    given.config = run->string();
    if (given.task.empty()) given.task = task_of(*run, arguments.adapters.front());
  }
  configs::RunConfig config = load_one_task(given, check_shared_text_options);
  if (methods::trains_backbone(config.method)) {
    throw ConfigError("method.kind: " + config.method.kind +
                      " trains the weights of the model; expected the adapter of a prompt");
  }
  return config;
}

// Loads an adapter folder or file, or the best adapter of a run.
methods::LoadedPrompt load_adapter(configs::RunConfig config, const fs::path& path) {
  if (!is_run_dir(path)) return methods::load_prompt(path);
  config.run.output_dir = path.string();
  std::optional<methods::LoadedPrompt> best = trained_prompt(config, {});
  if (!best) throw ConfigError(path.string() + ": this run has no prompt (method.kind: none)");
  return *std::move(best);
}

// Returns the prompt's values before training; undefined if they are unknown.
at::Tensor initial_rows(const Session& session, const methods::Contribution& trained) try {
  if (!session.config.method.trains() || explain::is_deep(trained)) return {};
  const auto start = start_prompts(session);
  const methods::Contribution initial = explain::contribution_of(*start.front(), *session.backbone);
  const bool fits = !explain::is_deep(initial) &&
                    explain::positions_of(initial) == explain::positions_of(trained);
  return fits ? initial.input_rows : at::Tensor();
} catch (const Error& error) {
  log::warn("the values before training are left out: {}", error.what());
  return {};
}

// Returns the tokens that a search begins with: those of method.init.text, or those nearest to the
// prompt's positions.
std::vector<TokenId> start_text(const Session& session, const explain::Explanation& found) {
  std::vector<TokenId> text = session.task->tokenizer().encode(session.config.method.init.text);
  if (!text.empty()) return text;
  for (const explain::Position& position : found.positions) {
    text.push_back(position.trained.by_cosine.front().id);
  }
  return text;
}

// Throws ConfigError where there is nothing to say in words.
void require_candidates(const Session& session, const data::Dataset& examples,
                        const methods::Contribution& prompt) {
  if (explain::is_deep(prompt)) {
    throw ConfigError("--in-words: the prompt is keys and values, which no text has");
  }
  if (!examples[0].candidates->empty()) return;
  throw ConfigError("--in-words: task '" + session.config.task.name +
                    "' has free answers; expected one with a verbalizer or candidates");
}

// Draws at most `most` examples by the run's seed, in file order.
data::Dataset draw(const data::Dataset& split, std::int64_t most, std::uint64_t seed) {
  if (split.size() <= most) return split;
  std::vector<std::int64_t> indices(static_cast<std::size_t>(split.size()));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  Random(seed, kExampleStream).shuffle(std::span(indices));
  indices.resize(static_cast<std::size_t>(most));
  std::sort(indices.begin(), indices.end());
  return split.subset(indices);
}

const data::Dataset& labelled_split(const Session& session, const std::string& name) {
  const data::Dataset& split = scored_split(session, session.tasks.front(), name);
  if (split.labelled()) return split;
  throw ConfigError(split.file() + ": has examples without labels; expected a labelled --split");
}

explain::Explanation explain_prompt(const ExplainArguments& arguments) {
  const configs::RunConfig config = load_explained(arguments);
  std::vector<methods::LoadedPrompt> loaded;
  std::int64_t rows = 0;
  for (const fs::path& adapter : arguments.adapters) {
    loaded.push_back(load_adapter(config, adapter));
    const PromptRows prompt = loaded.back().prompt->rows(0);
    if (prompt.adapts) {
      throw ConfigError(adapter.string() + ": is a " + loaded.back().prompt->describe().title +
                        "; expected a prompt without additions to the model's layers");
    }
    rows = std::max<std::int64_t>(rows, prompt.rows);
  }
  const Session session = open_session(config, rows,
                                       {.train = arguments.split == "train",
                                        .validation = arguments.split == "validation",
                                        .test = arguments.split == "test"});
  if (session.backbone->spec().has_encoder()) {
    throw ConfigError(config.model.path +
                      ": has an encoder; explain looks into models with a decoder only");
  }
  explain::Request request;
  request.seed = config.run.seed;
  for (std::size_t i = 0; i < loaded.size(); ++i) {
    methods::check_backbone(loaded[i], session.backbone->spec(), session.backbone_info,
                            arguments.adapters[i]);
    request.prompts.push_back({arguments.adapters[i].string(),
                               explain::contribution_of(*loaded[i].prompt, *session.backbone)});
  }
  request.initial = initial_rows(session, request.prompts.front().prompt);
  const data::Dataset examples =
      draw(labelled_split(session, arguments.split), arguments.examples, config.run.seed);
  const methods::Contribution& prompt = request.prompts.front().prompt;
  if (arguments.in_words) require_candidates(session, examples, prompt);
  EvaluationProgress progress(/*shown=*/true);
  request.on_progress = progress.titled("prompts");
  const explain::Subject subject{.backbone = *session.backbone,
                                 .task = *session.task,
                                 .examples = examples,
                                 .ranks = session.world(),
                                 .by_candidates = config.train.loss == trainer::Loss::kCandidates,
                                 .batch_tokens = config.eval.batch_tokens};
  explain::Explanation result = explain::explain(subject, request);
  progress.end();
  if (arguments.in_words) {
    result.in_words = explain::in_words(subject, prompt,
                                        {.tokens = *arguments.in_words,
                                         .start = start_text(session, result),
                                         .seed = config.run.seed,
                                         .on_progress = progress.titled("texts")});
    progress.end();
  }
  result.model = config.model.path;
  result.split = arguments.split;
  return result;
}

// "+0.123"
std::string difference(double number) {
  return (number < 0 ? "" : "+") + telemetry::fixed(number, 3);
}

void print_positions(const telemetry::Style& style, const explain::Explanation& found) {
  std::vector<std::string> header{"position", "removed", "attention %"};
  if (!found.deep) {
    header.insert(header.end(), {"snapped", "nearest", "cosine", "random's", "initial's"});
  }
  telemetry::Table table(header);
  for (std::size_t i = 0; i < found.positions.size(); ++i) {
    const explain::Position& position = found.positions[i];
    const double attention =
        std::accumulate(position.attention.begin(), position.attention.end(), 0.0) /
        static_cast<double>(position.attention.size());
    std::vector<std::string> row{std::to_string(i), difference(position.removed),
                                 telemetry::fixed(100 * attention, 1)};
    if (!found.deep) {
      const explain::RatedToken& nearest = position.trained.by_cosine.front();
      row.push_back(difference(position.snapped));
      row.push_back(telemetry::visible(nearest.text));
      row.push_back(telemetry::fixed(nearest.value, 3));
      row.push_back(telemetry::fixed(position.random.by_cosine.front().value, 3));
      row.push_back(position.initial ? telemetry::visible(position.initial->by_cosine.front().text)
                                     : "-");
    }
    table.add(std::move(row));
  }
  table.print(std::cout, style);
}

void print_explanation(const explain::Explanation& found, const fs::path& page) {
  const telemetry::Style style = telemetry::Style::of_stdout();
  print_positions(style, found);
  if (!found.deep) telemetry::print_paragraph(std::cout, explain::kWaywardness);
  telemetry::Facts facts{
      {"loss", telemetry::fixed(found.loss, 4) + " (" + found.loss_name + ", " +
                   telemetry::grouped(found.examples) + " examples of " + found.split + ")"},
      {"without a prompt", telemetry::fixed(found.loss_without, 4)}};
  if (found.loss_snapped) {
    facts.emplace_back("snapped to tokens", telemetry::fixed(*found.loss_snapped, 4));
  }
  if (found.split_half) {
    facts.emplace_back("split half", telemetry::fixed(*found.split_half, 2) +
                                         " (rank correlation of \"removed\" between two halves of "
                                         "the examples)");
  }
  for (const explain::Agreement& each : found.agreement) {
    facts.emplace_back("agreement", each.first + " and " + each.second + ": cosine " +
                                        telemetry::fixed(each.cosine, 3) + ", nearest tokens " +
                                        telemetry::fixed(100 * each.shared, 0) +
                                        " % (other "
                                        "positions " +
                                        telemetry::fixed(100 * each.elsewhere, 0) + " %)");
  }
  if (found.in_words) {
    const auto add = [&](const char* name, const explain::RatedText& text) {
      facts.emplace_back(
          name, telemetry::fixed(text.divergence, 4) + "  " + telemetry::visible(text.text));
    };
    add("in words (KL)", found.in_words->found);
    add("start (KL)", found.in_words->start);
    add("random text (KL)", found.in_words->random);
  }
  facts.emplace_back("page", page.string());
  telemetry::print_facts(std::cout, style, facts);
}

void run_explain(const ExplainArguments& arguments) {
  if (read_launch().size > 1) {
    throw ConfigError("explain runs in one process; start it without mpirun");
  }
  const explain::Explanation found = explain_prompt(arguments);
  fs::path page = arguments.output;
  if (page.empty()) {
    page = run_of(arguments.adapters.front()).value_or(fs::path()) / "explain.html";
  }
  write_atomically(page, report::explain_page(found));
  if (arguments.json) return print_json(explain::explanation_json(found), Letters::kAscii);
  print_explanation(found, page);
}

}  // namespace

void add_explain_command(Command& program) {
  const auto arguments = std::make_shared<ExplainArguments>();
  Command* command = program.add_subcommand(
      "explain", "Show what a trained prompt means to its model, position by position");
  command
      ->add_option("adapters", arguments->adapters,
                   "PEFT folders, .npy files or run directories (their adapter/best): the first is "
                   "explained and compared with the others")
      ->type_name("ADAPTER")
      ->required();
  command
      ->add_option("--config", arguments->config.config,
                   "run or configuration with the task (default: the first adapter's run)")
      ->type_name("RUN|CONFIG");
  command->add_option("--set", arguments->config.overrides, "replace a value, like task.test=a.csv")
      ->type_name("KEY=VALUE")
      ->one_at_a_time();
  add_task_argument(*command, arguments->config);
  command
      ->add_option("--split", arguments->split, "train, validation or test (default: validation)")
      ->type_name("SPLIT")
      ->one_of({"train", "validation", "test"});
  command
      ->add_option("--examples", arguments->examples,
                   "labelled examples to compute losses on, drawn by the run's seed (default: 64)")
      ->type_name("N")
      ->positive();
  command
      ->add_option("--output", arguments->output,
                   "HTML file (default: explain.html, in the run's directory)")
      ->type_name("FILE");
  command
      ->add_option(
          "--in-words", arguments->in_words,
          "search for a text of N tokens after which the model answers most like after the "
          "prompt")
      ->type_name("N")
      ->positive();
  add_json_flag(*command, arguments->json);
  command->example("incipit explain runs/rte/adapter/best");
  command->callback([arguments] { run_explain(*arguments); });
}

}  // namespace incipit::launcher
