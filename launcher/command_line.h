// The commands of a program and their arguments. CLI11 parses them; its headers take seconds to
// compile, so only command_line.cpp includes them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace incipit::launcher {

// An argument of a command. Every function returns the argument.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  // For the help: a name of the value, the meaning, and the current value of the target.
  Option* type_name(const std::string& name);
  Option* description(const std::string& text);
  Option* capture_default_str();

  Option* required(bool yes = true);
  Option* excludes(const Option* other);
  // Of lists: splits each value, takes this many values, takes one value after each "--name".
  Option* delimiter(char separator);
  Option* expected(int count);
  Option* one_at_a_time();

  // Refuses other values.
  Option* one_of(const std::vector<std::string>& words);
  Option* positive();
  Option* not_negative();
  Option* between(std::int64_t least, std::int64_t most);
  Option* between(double least, double most, const std::string& description = "");
  Option* not_empty();

 private:
  CLI::Option* option_;
};

class Command {
 public:
  explicit Command(CLI::App* app);
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  Command* add_subcommand(const std::string& name, const std::string& description);
  // Adds "--name", or an argument without a name if there are no dashes. `target` must outlive the
  // parsing. Text, integers, numbers, optionals and lists of them are possible: see the instances
  // in command_line.cpp.
  template <typename T>
  Option* add_option(const std::string& name, T& target, const std::string& description);
  Option* add_flag(const std::string& name, bool& target, const std::string& description);
  // Sets the text after the help: any, or "Example:" and a command.
  void footer(const std::string& text);
  void example(const std::string& command);
  // Sets what the command does.
  void callback(std::function<void()> run);

 private:
  Option* add(CLI::Option* option);

  CLI::App* app_;
  std::vector<std::unique_ptr<Option>> options_;
  std::vector<std::unique_ptr<Command>> commands_;
};

// A program of which one subcommand runs.
class Program {
 public:
  Program(const std::string& name, const std::string& about);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] Command& commands() { return *root_; }
  // Adds --version, which prints `text`.
  void set_version(const std::string& text);

  // Runs the command that the arguments name. Prints help or version if they ask for that and
  // `print_help`. Throws ConfigError for a wrong command line, and what the command throws.
  void run(int argc, const char* const* argv, bool print_help = true);

 private:
  std::unique_ptr<CLI::App> app_;
  std::unique_ptr<Command> root_;
};

}  // namespace incipit::launcher
