#include "launcher/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/text.h"

namespace incipit::launcher {
namespace {

// Returns the requested command, or the program itself.
const CLI::App& chosen(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  return commands.empty() ? app : *commands.front();
}

std::string usage_problem(const CLI::App& app, int argc, const char* const* argv,
                          const CLI::ParseError& error) {
  std::vector<std::string> known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(command->get_name());
  }
  const bool no_command = app.get_subcommands().empty();
  const std::string word = argc > 1 ? argv[1] : "";
  std::string message = error.what();
  if (no_command && !word.empty() && word[0] != '-') {
    message = "there is no command '" + word + "'" + did_you_mean(word, known);
  } else if (no_command && word.empty()) {
    message = "a command is missing; there are " + join(known);
  }
  const std::string program = app.get_name();
  const std::string name = no_command ? program : program + " " + chosen(app).get_name();
  return message + " (" + name + " --help shows the usage)";
}

}  // namespace

Option* Option::type_name(const std::string& name) {
  option_->type_name(name);
  return this;
}

Option* Option::description(const std::string& text) {
  option_->description(text);
  return this;
}

Option* Option::capture_default_str() {
  option_->capture_default_str();
  return this;
}

Option* Option::required(bool yes) {
  option_->required(yes);
  return this;
}

Option* Option::excludes(const Option* other) {
  option_->excludes(other->option_);
  return this;
}

Option* Option::delimiter(char separator) {
  option_->delimiter(separator);
  return this;
}

Option* Option::expected(int count) {
  option_->expected(count);
  return this;
}

Option* Option::one_at_a_time() {
  option_->allow_extra_args(false);
  return this;
}

Option* Option::one_of(const std::vector<std::string>& words) {
  option_->check(CLI::IsMember(words));
  return this;
}

Option* Option::positive() {
  option_->check(CLI::PositiveNumber);
  return this;
}

Option* Option::not_negative() {
  option_->check(CLI::NonNegativeNumber);
  return this;
}

Option* Option::between(std::int64_t least, std::int64_t most) {
  option_->check(CLI::Range(least, most));
  return this;
}

Option* Option::between(double least, double most, const std::string& description) {
  CLI::Validator range = CLI::Range(least, most);
  if (!description.empty()) range.description(description);
  option_->check(std::move(range));
  return this;
}

Option* Option::not_empty() {
  option_->check([](const std::string& text) {
    return text.empty() ? std::string("the text is empty") : std::string();
  });
  return this;
}

Command::Command(CLI::App* app) : app_(app) {}
Command::~Command() = default;

Command* Command::add_subcommand(const std::string& name, const std::string& description) {
  CLI::App* added = app_->add_subcommand(name, description);
  return commands_.emplace_back(std::make_unique<Command>(added)).get();
}

Option* Command::add(CLI::Option* option) {
  return options_.emplace_back(std::make_unique<Option>(option)).get();
}

template <typename T>
Option* Command::add_option(const std::string& name, T& target, const std::string& description) {
  return add(app_->add_option(name, target, description));
}

Option* Command::add_flag(const std::string& name, bool& target, const std::string& description) {
  return add(app_->add_flag(name, target, description));
}

void Command::footer(const std::string& text) { app_->footer(text); }

void Command::example(const std::string& command) { footer("Example:\n  " + command + "\n"); }

void Command::callback(std::function<void()> run) { app_->callback(std::move(run)); }

template Option* Command::add_option(const std::string&, std::string&, const std::string&);
template Option* Command::add_option(const std::string&, std::filesystem::path&,
                                     const std::string&);
template Option* Command::add_option(const std::string&, int&, const std::string&);
template Option* Command::add_option(const std::string&, std::int64_t&, const std::string&);
template Option* Command::add_option(const std::string&, std::uint64_t&, const std::string&);
template Option* Command::add_option(const std::string&, double&, const std::string&);
template Option* Command::add_option(const std::string&, std::optional<std::string>&,
                                     const std::string&);
template Option* Command::add_option(const std::string&, std::optional<std::int64_t>&,
                                     const std::string&);
template Option* Command::add_option(const std::string&, std::optional<double>&,
                                     const std::string&);
template Option* Command::add_option(const std::string&, std::vector<std::string>&,
                                     const std::string&);
template Option* Command::add_option(const std::string&, std::vector<std::filesystem::path>&,
                                     const std::string&);
template Option* Command::add_option(const std::string&, std::vector<int>&, const std::string&);
template Option* Command::add_option(const std::string&, std::vector<double>&, const std::string&);

Program::Program(const std::string& name, const std::string& about)
    : app_(std::make_unique<CLI::App>(about, name)), root_(std::make_unique<Command>(app_.get())) {
  app_->require_subcommand(1);
}

Program::~Program() = default;

void Program::set_version(const std::string& text) { app_->set_version_flag("--version", text); }

void Program::run(int argc, const char* const* argv, bool print_help) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::Success& answer) {  // --help, --version
    const bool unknown = app_->get_subcommands().empty() && argc > 1 && argv[1][0] != '-';
    if (unknown) throw ConfigError(usage_problem(*app_, argc, argv, answer));
    if (print_help) (void)app_->exit(answer);
  } catch (const CLI::ParseError& error) {
    throw ConfigError(usage_problem(*app_, argc, argv, error));
  }
}

}  // namespace incipit::launcher
