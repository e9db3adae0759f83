#include "launcher/commands/search.h"

#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "launcher/check_options.h"
#include "launcher/command_line.h"
#include "launcher/search_command.h"
#include "launcher/search_table.h"
#include "launcher/word_search.h"

namespace incipit::launcher {
namespace {

struct WordArguments {
  SearchArguments search;
  std::string phrases;
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

void run_search(const WordArguments& arguments) {
  const bool tokens = arguments.phrases.empty();
  configs::RunConfig config =
      load_search(arguments.search, "search",
                  [tokens](const configs::RunConfig& read, const configs::Report& report) {
                    check_search_options(read, report, tokens);
                  });
  std::optional<Phrases> phrases = load_phrases(arguments.phrases, config);
  const auto results = WordSearch(config, std::move(phrases)).run();
  if (!results) return;
  print_search_results(arguments.search, config.run.output_dir, eval::search_json(*results),
                       [&](std::ostream& out, const telemetry::Style& style) {
                         print_search(out, style, *results);
                         return telemetry::Facts();
                       });
}

}  // namespace

void add_search_command(Command& program) {
  const auto arguments = std::make_shared<WordArguments>();
  Command* command = program.add_subcommand(
      "search", "Search for the words of a prompt: tokens by gradient, or phrases of a template");
  add_search_arguments(*command, arguments->search, "search");
  command
      ->add_option("--phrases", arguments->phrases,
                   "a YAML list of slots and their phrases, to search over them in place of tokens")
      ->type_name("FILE");
  command->example(
      "mpirun -n 2 incipit search configs/recipes/town_hall.yaml --set search.passes=10000");
  command->callback([arguments] { run_search(*arguments); });
}

}  // namespace incipit::launcher
