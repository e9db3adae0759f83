#include "launcher/commands/generate.h"

#include <unistd.h>

#include <chrono>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "configs/builtin.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/launch.h"
#include "data/batch.h"
#include "eval/generation.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/command_line.h"
#include "launcher/prompt_source.h"
#include "launcher/run_dir.h"
#include "launcher/session.h"
#include "launcher/text_stream.h"
#include "model/weight_files.h"
#include "telemetry/output.h"
#include "telemetry/terminal.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

struct GenerateArguments {
  ConfigArguments config;
  fs::path adapter;
  std::optional<std::string> prompt;
  bool chat = false;
  bool raw = false;
  std::string system;
  std::vector<std::string> stops;
  eval::GenerationOptions options;
};

bool names_configuration(const std::string& name) {
  return is_run_dir(name) || fs::is_regular_file(name) ||
         configs::find_file(configs::builtin_recipes(), name) != nullptr;
}

bool has_chat_format(const fs::path& model_dir) {
  const fs::path tokenizer = model_dir / "tokenizer_config.json";
  return fs::exists(model_dir / "incipit_chat.json") ||
         fs::exists(model_dir / "chat_template.jinja") ||
         (fs::exists(tokenizer) &&
          read_text(tokenizer).find("\"chat_template\"") != std::string::npos);
}

// Returns the configuration of a plain model: a task whose template is the text itself. Raw text is
// used with a soft prompt, since most are trained on it. Otherwise a chat model uses its chat
// format.
configs::RunConfig config_of_model(const GenerateArguments& arguments) {
  const std::string& path = arguments.config.config;
  const bool chat = arguments.adapter.empty() && has_chat_format(model::resolve_model_dir(path));
  const std::string yaml = "model: {path: " + dump_json(nlohmann::json(path)) +
                           "}\nmethod: {kind: none}\nlog: {level: warn}\n"
                           "task: {template: \"{text}\", target: \"{text}\", eos: none, format: " +
                           (chat ? "chat" : "raw") + "}\n";
  return configs::parse_run_config(yaml, path, arguments.config.overrides,
                                   check_shared_text_options);
}

// Returns the template's only field. A template with several fields is replaced by the plain text.
std::string only_field(data::TaskOptions& task) {
  const auto fields = data::Template(task.source_template).fields();
  if (fields.size() == 1) return fields.front();
  task.source_template = "{text}";
  task.truncate = {};
  task.max_source_tokens = 0;
  return "text";
}

// Builds a model input from each text that the user enters.
class Conversation {
 public:
  // `goes_on`: a chat in which the model sees the earlier turns; otherwise each text is
  // independent.
  Conversation(const data::Task& task, std::string field, bool goes_on)
      : task_(task), field_(std::move(field)), goes_on_(goes_on) {
    if (!goes_on_) return;
    so_far_ = task.model().chat->opening(task.options().system);
    after_system_ = task.model().chat->opens_with_system(task.options().system);
  }

  [[nodiscard]] data::Example ask(const std::string& text) const {
    if (!goes_on_) {
      const std::vector<std::string> names{field_};
      const std::vector<std::string> values{text};
      return task_.question(data::Record(names, values, "the text", 1));
    }
    data::Example example;
    example.line = 1;
    example.source =
        task_.tokenizer().encode(so_far_ + task_.model().chat->question(text, after_system_));
    example.candidates = std::make_shared<const data::Candidates>();
    if (const std::string why = task_.objection(example.source); !why.empty()) {
      throw DataError("the text: " + why);
    }
    return example;
  }

  void answered(const std::string& text, const std::string& answer) {
    if (!goes_on_) return;
    so_far_ += task_.model().chat->exchange(text, answer, after_system_);
    after_system_ = false;
  }

 private:
  const data::Task& task_;
  std::string field_;
  bool goes_on_;
  std::string so_far_;
  bool after_system_ = false;
};

// Answers texts one after the other on standard output.
class Speaker {
 public:
  Speaker(const Session& session, const methods::PromptedModel& model,
          const GenerateArguments& arguments)
      : task_(*session.task),
        generator_(
            model,
            [&](PromptRows rows) { return data::source_sequence(task_, data::Example{}, rows); }),
        options_(arguments.options),
        stop_texts_(arguments.stops) {
    options_.stops = task_.model().special.stops;
    options_.repetition_penalty = task_.model().special.repetition_penalty;
  }

  // Streams the answer to standard output and returns it.
  std::string answer(const data::Example& example) {
    task_.check_rows(example, "the text", generator_.prompt_rows().rows);
    TextStream stream(task_.tokenizer(), stop_texts_);
    std::string text;
    const auto say = [&](const std::string& part) {
      text += part;
      std::cout << part << std::flush;
    };
    const auto start = std::chrono::steady_clock::now();
    std::int64_t tokens = 0;
    (void)generator_.run({data::source_sequence(task_, example, generator_.prompt_rows())},
                         options_, [&](std::size_t, TokenId token) {
                           ++tokens;
                           say(stream.add(token));
                           return !stream.is_stopped();
                         });
    say(stream.finish());
    std::cout << std::endl;
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    if (telemetry::is_terminal(STDERR_FILENO) && tokens > 0) {
      std::cerr << telemetry::Style(telemetry::wants_colour(STDERR_FILENO))
                       .dim(telemetry::grouped(tokens) + " tokens, " +
                            telemetry::fixed(static_cast<double>(tokens) / taken.count(), 1) +
                            " tokens/s")
                << '\n';
    }
    return text;
  }

 private:
  const data::Task& task_;
  eval::Generator generator_;
  eval::GenerationOptions options_;
  std::vector<std::string> stop_texts_;
};

void talk(Speaker& speaker, Conversation& conversation) {
  std::string text;
  while (true) {
    std::cerr << "> " << std::flush;
    if (!std::getline(std::cin, text) || text.empty()) break;
    conversation.answered(text, speaker.answer(conversation.ask(text)));
  }
}

std::string read_stdin() {
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

configs::RunConfig read_config(const GenerateArguments& arguments, bool is_model) {
  configs::RunConfig config =
      is_model ? config_of_model(arguments)
               : with_trained_weights(load_one_task(arguments.config, check_shared_text_options));
  if (arguments.chat) config.task.format = data::Format::kChat;
  if (arguments.raw) config.task.format = data::Format::kRaw;
  if (arguments.system.empty()) return config;
  if (config.task.format != data::Format::kChat) {
    throw ConfigError("--system: raw text has no place for a system text; add --chat");
  }
  config.task.system = arguments.system;
  return config;
}

void run_generate(const GenerateArguments& arguments) {
  if (read_launch().size > 1) {
    throw ConfigError("generate writes one text, on one rank; start it without mpirun");
  }
  const bool is_model = !names_configuration(arguments.config.config);
  configs::RunConfig config = read_config(arguments, is_model);
  const std::string field = only_field(config.task);
  const auto trained = trained_prompt(config, arguments.adapter);
  const Session session =
      open_session(config, rows_of(trained), {.train = false, .validation = false, .test = false});
  const auto model = prompted_model(session, trained, arguments.adapter);
  Speaker speaker(session, model, arguments);
  const bool chats = is_model && config.task.format == data::Format::kChat &&
                     session.task->model().chat->multi_turn;
  Conversation conversation(*session.task, field, chats);
  if (!arguments.prompt && telemetry::is_terminal(STDIN_FILENO)) return talk(speaker, conversation);
  (void)speaker.answer(conversation.ask(arguments.prompt ? *arguments.prompt : read_stdin()));
}

void add_text_options(Command& command, GenerateArguments& arguments) {
  command
      .add_option("--adapter", arguments.adapter,
                  "PEFT folder or .npy (default: adapter/best of the run directory)")
      ->type_name("PATH");
  command
      .add_option("--prompt", arguments.prompt,
                  "the text (default: standard input; on a terminal, line by line)")
      ->type_name("TEXT");
  auto* chat =
      command.add_flag("--chat", arguments.chat,
                       "take the text as a user's turn (default for models with a chat format)");
  command.add_flag("--raw", arguments.raw, "continue the text as it is")->excludes(chat);
  command.add_option("--system", arguments.system, "system text of the chat")->type_name("TEXT");
}

void add_sampling_options(Command& command, GenerateArguments& arguments) {
  eval::GenerationOptions& options = arguments.options;
  command
      .add_option("--max-tokens", options.max_tokens, "tokens to generate at most (default: 256)")
      ->type_name("N")
      ->positive();
  add_sampling_arguments(command, options);
  command.add_option("--stop", arguments.stops, "stop before this text; may be repeated")
      ->type_name("TEXT")
      ->one_at_a_time()
      ->not_empty();
}

}  // namespace

void add_generate_command(Command& program) {
  const auto arguments = std::make_shared<GenerateArguments>();
  Command* command = program.add_subcommand("generate", "Generate text from a prompt");
  add_config_arguments(*command, arguments->config)
      ->type_name("MODEL|RUN|CONFIG")
      ->description("a model's folder, a run's directory, its YAML, or a built-in recipe");
  add_task_argument(*command, arguments->config);
  add_text_options(*command, *arguments);
  add_sampling_options(*command, *arguments);
  command->example("incipit generate models/smollm2-135m-instruct --prompt 'Name three colours.'");
  command->callback([arguments] { run_generate(*arguments); });
}

}  // namespace incipit::launcher
