#include "launcher/commands/predict.h"

#include <iostream>
#include <memory>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/text.h"
#include "data/dataset.h"
#include "eval/answers.h"
#include "eval/generation.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/command_line.h"
#include "launcher/predictor.h"
#include "launcher/prompt_source.h"
#include "launcher/session.h"
#include "predict/prediction_file.h"
#include "predict/shared_input.h"
#include "predict/submission.h"
#include "predict/submission_archive.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;

struct PredictArguments {
  ConfigArguments config;
  fs::path adapter;
  fs::path input;
  fs::path output = "-";
  fs::path submission;
  std::string input_format;
  std::string format;
  std::optional<std::int64_t> max_tokens;
  eval::GenerationOptions generation;
};

// Returns how the task's answers are generated. Throws ConfigError if they are to be sampled but
// are scored.
eval::GenerationOptions generation_of(const PredictArguments& arguments, const data::Task& task) {
  eval::GenerationOptions generation = arguments.generation;
  generation.max_tokens = arguments.max_tokens.value_or(task.options().max_answer_tokens);
  if (generation.temperature > 0 && !eval::answers_by_generation(task)) {
    throw ConfigError(
        "--temperature: the task scores its labels; only generated answers are sampled");
  }
  return generation;
}

// A model, its prompt and the records to answer.
struct Work {
  Session session;
  Predictor predictor;
  predict::SharedInput input;

  Work(const configs::RunConfig& config, const PredictArguments& arguments, const fs::path& path)
      : Work(config, arguments, path, trained_prompt(config, arguments.adapter)) {}

 private:
  Work(const configs::RunConfig& config, const PredictArguments& arguments, const fs::path& path,
       const std::optional<methods::LoadedPrompt>& trained)
      : session(open_session(config, rows_of(trained),
                             {.train = false, .validation = false, .test = false})),
        predictor(session, prompted_model(session, trained, arguments.adapter),
                  generation_of(arguments, *session.task)),
        input(session.world(), path, arguments.input_format,
              data::Template(session.config.task.source_template).fields()) {}
};

predict::PredictionLayout layout_of(const Work& work) {
  const data::Task& task = *work.session.task;
  predict::PredictionLayout layout;
  layout.scores = !eval::answers_by_generation(task) && !data::scores_places(task.options());
  if (layout.scores) layout.labels = task.labels();
  layout.columns = work.input.input()->columns();
  layout.fields = data::Template(task.options().source_template).fields();
  layout.skips = task.options().on_bad_record == data::OnBadRecord::kSkip;
  return layout;
}

void warn_of_truncation(const Work& work) {
  if (work.predictor.truncated() == 0) return;
  log::warn("{}: {} of {} inputs were cut to {} tokens (task.max_source_tokens, task.truncate)",
            work.input.name(), work.predictor.truncated(), work.predictor.examples(),
            work.session.config.task.max_source_tokens);
}

// Throws if the predictions would replace the records.
void require_another_file(const PredictArguments& arguments) {
  std::error_code ignored;  // one of them does not exist
  if (!std::filesystem::equivalent(arguments.input, arguments.output, ignored)) return;
  throw ConfigError("--output: '" + arguments.output.string() +
                    "' is the input, which would be overwritten; give another file");
}

void run_predict(const PredictArguments& arguments) {
  require_another_file(arguments);
  const configs::RunConfig config =
      with_trained_weights(load_one_task(arguments.config, check_shared_options));
  Work work(config, arguments, arguments.input.empty() ? "-" : arguments.input);
  std::unique_ptr<predict::PredictionFile> file;
  std::unique_ptr<predict::PredictionProgress> progress;
  predict::from_rank_zero(work.session.world(), [&] {
    file = std::make_unique<predict::PredictionFile>(arguments.output, arguments.format,
                                                     layout_of(work));
    progress = std::make_unique<predict::PredictionProgress>(
        predict::PredictionFile::is_terminal(arguments.output) ? std::nullopt
                                                               : work.input.input()->count());
    return "";
  });
  while (true) {
    const auto rows = work.input.next();
    if (rows.empty()) break;
    const auto predictions = work.predictor.run(rows, work.input.name());
    if (!file) continue;
    file->write(predictions);
    progress->add(rows.size());
  }
  if (!file) return;
  file->finish();
  progress->finish();
  warn_of_truncation(work);
}

// --- submissions ------------------------------------------------------------------------------

configs::RunConfig submission_config(const PredictArguments& arguments) {
  configs::RunConfig config =
      with_trained_weights(load_one_task(arguments.config, check_shared_options));
  config.task.on_bad_record = data::OnBadRecord::kFail;  // every example must be answered
  if (arguments.input.empty() && config.task.test.empty()) {
    throw ConfigError("task.test: is missing: name the file to answer, here or with --input");
  }
  return config;
}

// Writes the submission file. Call on rank 0.
void write_submission(const fs::path& folder, const predict::Submission& submission,
                      const std::string& input) {
  write_atomically(folder / submission.file(), submission.text());
  const auto missing = predict::write_submission_archive(folder);
  if (submission.replaced() > 0) {
    log::warn("{} of {} answers were none of the labels; they are written as the first label",
              submission.replaced(), submission.size());
  }
  telemetry::print_facts(
      std::cout, telemetry::Style::of_stdout(),
      {{"answered", telemetry::grouped(submission.size()) + " examples of " + input},
       {"written", (folder / submission.file()).string()},
       {"archive", (folder / "submission.zip").string()},
       {"missing", missing.empty() ? "nothing: the archive is complete" : join(missing)}});
}

// Returns whether the example has a label. The server wants answers to a file without labels.
bool is_labelled(const predict::Prediction& prediction, const data::TaskOptions& task) {
  if (prediction.record == nullptr) return false;
  return prediction.record->has(task.label_field) ||
         (!task.references.empty() && prediction.record->has(task.references));
}

// Runs on every rank, so that all ranks see a problem with an answer.
predict::Submission answer_all(Work& work) try {
  predict::Submission submission(*work.session.task);
  bool labelled = false;
  std::unique_ptr<predict::PredictionProgress> progress;
  if (work.input.input() != nullptr) {
    progress = std::make_unique<predict::PredictionProgress>(work.input.input()->count());
  }
  while (true) {
    const auto rows = work.input.next();
    if (rows.empty()) break;
    for (const predict::Prediction& prediction : work.predictor.run(rows, work.input.name())) {
      submission.add(prediction);
      labelled = labelled || is_labelled(prediction, work.session.task->options());
    }
    if (progress) progress->add(rows.size());
  }
  if (progress) progress->finish();
  if (labelled && progress) {
    log::warn("{} has labels; a submission answers the benchmark's file without labels",
              work.input.name());
  }
  return submission;
} catch (const DataError& error) {
  throw DataError(std::string(error.what()) +
                  "; no submission was written: it needs an answer to every example");
}

void run_submission(const PredictArguments& arguments) {
  const configs::RunConfig config = submission_config(arguments);
  Work work(
      config, arguments,
      arguments.input.empty() ? data::data_path(config.task, config.task.test) : arguments.input);
  const predict::Submission submission = answer_all(work);
  predict::from_rank_zero(work.session.world(), [&] {
    write_submission(arguments.submission, submission, work.input.name());
    warn_of_truncation(work);
    return "";
  });
}

}  // namespace

void add_predict_command(Command& program) {
  const auto arguments = std::make_shared<PredictArguments>();
  Command* command = program.add_subcommand(
      "predict", "Predict the labels or answers of records, with probabilities");
  add_config_arguments(*command, arguments->config)
      ->type_name("RUN|CONFIG")
      ->description("a run's directory, its YAML, or the name of a built-in recipe");
  add_task_argument(*command, arguments->config);
  command
      ->add_option("--adapter", arguments->adapter,
                   "PEFT folder or .npy (default: adapter/best of the run directory)")
      ->type_name("PATH");
  command
      ->add_option(
          "--input", arguments->input,
          "records: .jsonl, .csv, .tsv, .conll, or .txt with one text per line (default: -)")
      ->type_name("FILE|-");
  command
      ->add_option("--input-format", arguments->input_format,
                   "jsonl, csv, tsv, conll or text (default: by file name, or by the first line)")
      ->type_name("FORMAT")
      ->one_of({"jsonl", "csv", "tsv", "conll", "text"});
  Option* output = command->add_option("--output", arguments->output, "predictions (default: -)")
                       ->type_name("FILE|-");
  Option* format =
      command
          ->add_option("--format", arguments->format,
                       "jsonl or csv (default: by file name; -: jsonl, or columns on a terminal)")
          ->type_name("FORMAT")
          ->one_of({"jsonl", "csv"});
  command
      ->add_option("--max-tokens", arguments->max_tokens,
                   "tokens of a generated answer at most (default: task.max_answer_tokens)")
      ->type_name("N")
      ->positive();
  add_sampling_arguments(*command, arguments->generation);
  command
      ->add_option("--submission", arguments->submission,
                   "write the benchmark's file and its archive into DIR (default input: the task's "
                   "test)")
      ->type_name("DIR")
      ->excludes(output)
      ->excludes(format);
  command->example("echo 'A bin is full' | incipit predict runs/town_hall");
  command->callback([arguments] {
    if (arguments->submission.empty()) {
      run_predict(*arguments);
    } else {
      run_submission(*arguments);
    }
  });
}

}  // namespace incipit::launcher
