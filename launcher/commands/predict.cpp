#include "launcher/commands/predict.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "comm/launch.h"
#include "core/error.h"
#include "eval/answers.h"
#include "eval/scorer.h"
#include "launcher/arguments.h"
#include "launcher/check_options.h"
#include "launcher/predict/input.h"
#include "launcher/predict/output.h"
#include "launcher/prompt_source.h"
#include "launcher/session.h"
#include "metrics/progress.h"
#include "metrics/terminal.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Rows = std::vector<PredictionInput::Row>;

// Records in memory at a time, on each rank.
constexpr std::size_t kChunk = 1024;

struct PredictArguments {
  ConfigArguments config;
  fs::path adapter;
  fs::path input = "-";
  fs::path output = "-";
  std::string input_format;
  std::string format;
  std::int64_t max_tokens = 128;
};

// What `make` returns on rank 0, on every rank; an error of the user's there is thrown on all.
std::string from_rank_zero(comm::Communicator& world, const std::function<std::string()>& make) {
  constexpr char kValue = '+', kConfig = 'c', kData = 'd';
  std::string text;
  if (world.rank() == 0) {
    try {
      text = kValue + make();
    } catch (const ConfigError& error) {
      text = std::string(1, kConfig) + error.what();
    } catch (const DataError& error) {
      text = std::string(1, kData) + error.what();
    }
  }
  text = world.broadcast(std::move(text), 0, "input");
  const char kind = text.front();
  text.erase(0, 1);
  if (kind == kConfig) throw ConfigError(text);
  if (kind == kData) throw DataError(text);
  return text;
}

std::string to_text(const Rows& rows) {
  Json all = Json::array();
  for (const auto& row : rows) all.push_back({row.line, row.json, row.error});
  return all.dump();
}

Rows rows_of(const std::string& text) {
  Rows rows;
  for (const auto& row : Json::parse(text)) {
    rows.push_back(
        {row[0].get<std::int64_t>(), row[1].get<std::string>(), row[2].get<std::string>()});
  }
  return rows;
}

// mpirun gives rank 0 a terminal of its own, whatever stands behind it.
bool writes_to_terminal(const PredictArguments& arguments) {
  return arguments.output == "-" && comm::read_launch().size == 1 &&
         metrics::is_terminal(STDOUT_FILENO);
}

PredictionFormat output_format(const PredictArguments& arguments) {
  if (arguments.format == "csv") return PredictionFormat::kCsv;
  if (arguments.format == "jsonl") return PredictionFormat::kJsonl;
  if (writes_to_terminal(arguments)) return PredictionFormat::kTerminal;
  return arguments.output.extension() == ".csv" ? PredictionFormat::kCsv : PredictionFormat::kJsonl;
}

// Standard output, or a file that has its name only when it is whole.
class OutputFile {
 public:
  explicit OutputFile(fs::path path) : path_(std::move(path)) {
    if (path_ == "-") return;
    part_ = path_.string() + ".part";
    file_.open(part_, std::ios::binary | std::ios::trunc);
    check();
  }
  [[nodiscard]] std::ostream& stream() { return path_ == "-" ? std::cout : file_; }
  void flush() {
    stream().flush();
    check();
  }
  void finish() {
    flush();
    if (path_ == "-") return;
    file_.close();
    std::error_code error;
    fs::rename(part_, path_, error);
    if (error) throw DataError(path_.string() + ": cannot be written (" + error.message() + ")");
  }

 private:
  void check() {
    if (stream()) return;
    throw DataError((path_ == "-" ? "standard output" : part_.string()) + ": cannot be written");
  }

  fs::path path_;
  fs::path part_;
  std::ofstream file_;
};

// The records of a chunk, and the examples of those that are whole. Equal on every rank.
struct Chunk {
  std::vector<std::unique_ptr<data::Record>> records;  // by row; nullptr: could not be read
  std::vector<std::string> errors;                     // by row; "": none
  data::Dataset examples;
  std::vector<std::size_t> row_of;  // by example
};

class Predictor {
 public:
  Predictor(Session& session, std::optional<at::Tensor> prompt, std::int64_t max_tokens)
      : session_(session),
        prompt_(std::move(prompt)),
        max_tokens_(max_tokens),
        bad_(session.config.task) {}

  // Collective; every rank passes the same rows and gets all predictions, in order. The records
  // that they point to live until the next call.
  std::vector<Prediction> run(const Rows& rows, const std::string& file) {
    chunk_ = read(rows, file);
    std::vector<Prediction> predictions(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      predictions[i].id = std::to_string(seen_ + static_cast<std::int64_t>(i));
      predictions[i].record = chunk_.records[i].get();
      predictions[i].error = chunk_.errors[i];
    }
    seen_ += static_cast<std::int64_t>(rows.size());
    for (std::int64_t i = 0; i < chunk_.examples.size(); ++i) {
      const std::string& id = chunk_.examples[i].id;
      if (!id.empty()) predictions[chunk_.row_of[i]].id = id;
    }
    if (!chunk_.examples.empty()) answer(predictions);
    return predictions;
  }

 private:
  Chunk read(const Rows& rows, const std::string& file) {
    const data::Task& task = *session_.task;
    const std::int64_t prompt_rows = prompt_ ? prompt_->size(0) : 0;
    Chunk chunk;
    std::vector<data::Example> examples;
    for (const auto& row : rows) {
      auto& record = chunk.records.emplace_back();
      std::string& problem = chunk.errors.emplace_back();
      try {
        if (!row.error.empty()) throw DataError(row.error);
        record = std::make_unique<data::Record>(row.json, file, row.line);
        data::Example example = task.question(*record);
        task.check_rows(example, file, prompt_rows);
        examples.push_back(std::move(example));
        chunk.row_of.push_back(chunk.records.size() - 1);
      } catch (const DataError& error) {
        bad_.add(error);
        problem = error.what();
      }
    }
    chunk.examples = data::Dataset(file, std::move(examples), 0);
    return chunk;
  }

  void answer(std::vector<Prediction>& predictions) const {
    const data::Task& task = *session_.task;
    comm::Communicator& ranks = session_.mesh->batch();
    if (task.generates()) {
      const auto answers =
          eval::generate_answers(*session_.backbone, task, chunk_.examples, prompt_,
                                 session_.config.eval, max_tokens_, ranks);
      for (std::size_t i = 0; i < answers.size(); ++i) {
        predictions[chunk_.row_of[i]].answer = answers[i];
      }
      return;
    }
    const eval::Scores scores = eval::score_candidates(*session_.backbone, task, chunk_.examples,
                                                       prompt_, session_.config.eval, ranks);
    for (std::size_t i = 0; i < scores.predictions.size(); ++i) {
      Prediction& prediction = predictions[chunk_.row_of[i]];
      prediction.answer = task.candidates()[scores.predictions[i]].label;
      prediction.probabilities = softmax(scores.scores[i]);
    }
  }

  static std::vector<double> softmax(const std::vector<double>& scores) {
    const double highest = *std::max_element(scores.begin(), scores.end());
    std::vector<double> shares;
    double sum = 0;
    for (const double score : scores) sum += shares.emplace_back(std::exp(score - highest));
    for (double& share : shares) share /= sum;
    return shares;
  }

  Session& session_;
  std::optional<at::Tensor> prompt_;
  std::int64_t max_tokens_;
  data::BadRecords bad_;
  Chunk chunk_;
  std::int64_t seen_ = 0;
};

PredictionLayout layout_of(const Session& session, const PredictionInput& input) {
  PredictionLayout layout;
  for (const data::Candidate& candidate : session.task->candidates()) {
    layout.labels.push_back(candidate.label);
  }
  layout.columns = input.columns();
  layout.fields = data::Template(session.config.task.source_template).fields();
  layout.skips = session.config.task.on_bad_record == data::OnBadRecord::kSkip;
  return layout;
}

// What rank 0 alone has: where records come from and predictions go to.
class Files {
 public:
  Files(const Session& session, const PredictArguments& arguments)
      : input_(arguments.input, arguments.input_format,
               data::Template(session.config.task.source_template).fields()),
        output_(arguments.output),
        writer_(make_prediction_writer(output_format(arguments), layout_of(session, input_),
                                       output_.stream())),
        // Whoever types a line wants its answer before the next.
        chunk_(arguments.input == "-" && metrics::is_terminal(STDIN_FILENO) ? 1 : kChunk) {
    const auto total = writes_to_terminal(arguments) ? std::nullopt : input_.count();
    if (total) progress_ = std::make_unique<metrics::Progress>("predict", *total);
  }

  [[nodiscard]] std::string next_rows() { return to_text(input_.next(chunk_)); }
  [[nodiscard]] const std::string& input_name() const { return input_.name(); }

  void write(const std::vector<Prediction>& predictions) {
    for (const Prediction& prediction : predictions) writer_->write(prediction);
    output_.flush();
    done_ += static_cast<std::int64_t>(predictions.size());
    if (progress_) progress_->update(done_);
  }
  void finish() {
    output_.finish();
    if (progress_) progress_->finish();
  }

 private:
  PredictionInput input_;
  OutputFile output_;
  std::unique_ptr<PredictionWriter> writer_;
  std::size_t chunk_;
  std::unique_ptr<metrics::Progress> progress_;
  std::int64_t done_ = 0;
};

void run_predict(const PredictArguments& arguments) {
  const configs::RunConfig config = load_one_task(resolve_run(arguments.config), check_options);
  const auto trained = trained_prompt(config, arguments.adapter);
  Session session = open_session(config, trained ? trained->prompt.rows() : 0,
                                 {.train = false, .select = false, .test = false});
  Predictor predictor(session, values_for(session, trained, arguments.adapter),
                      arguments.max_tokens);
  comm::Communicator& world = session.world();
  std::unique_ptr<Files> files;
  const std::string name = from_rank_zero(world, [&] {
    files = std::make_unique<Files>(session, arguments);
    return files->input_name();
  });
  while (true) {
    const Rows rows = rows_of(from_rank_zero(world, [&] { return files->next_rows(); }));
    if (rows.empty()) break;
    const auto predictions = predictor.run(rows, name);
    if (files) files->write(predictions);
  }
  if (files) files->finish();
}

}  // namespace

void add_predict_command(CLI::App& app) {
  const auto arguments = std::make_shared<PredictArguments>();
  CLI::App* command =
      app.add_subcommand("predict", "Label records, or answer them, with probabilities");
  add_config_arguments(*command, arguments->config)
      ->type_name("RUN|CONFIG")
      ->description("a run's directory, its YAML, or the name of a built-in recipe");
  add_task_argument(*command, arguments->config);
  command
      ->add_option("--adapter", arguments->adapter,
                   "PEFT folder or .npy (default: adapter/best of the run directory)")
      ->type_name("PATH");
  command
      ->add_option("--input", arguments->input,
                   "records: .jsonl, .csv, .tsv, or .txt with a text a line (default: -)")
      ->type_name("FILE|-");
  command
      ->add_option("--input-format", arguments->input_format,
                   "jsonl, csv, tsv or text (default: by the ending, or the first line)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"jsonl", "csv", "tsv", "text"}));
  command->add_option("--output", arguments->output, "predictions (default: -)")
      ->type_name("FILE|-");
  command
      ->add_option("--format", arguments->format,
                   "jsonl or csv (default: by the ending; - is jsonl, columns on a terminal)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"jsonl", "csv"}));
  command
      ->add_option("--max-tokens", arguments->max_tokens,
                   "of an answer, where the task has a target in place of labels (default: 128)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  add_example(*command, "echo 'A bin is full' | incipit predict runs/town_hall");
  command->callback([arguments] { run_predict(*arguments); });
}

}  // namespace incipit::launcher
