#include "launcher/predictor.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "data/answer_text.h"
#include "eval/answers.h"

namespace incipit::launcher {
namespace {

std::vector<double> softmax(const std::vector<double>& scores) {
  const double highest = *std::max_element(scores.begin(), scores.end());
  std::vector<double> shares;
  double sum = 0;
  for (const double score : scores) sum += shares.emplace_back(std::exp(score - highest));
  for (double& share : shares) share /= sum;
  return shares;
}

}  // namespace

Predictor::Predictor(Session& session, methods::PromptedModel model,
                     const eval::GenerationOptions& generation)
    : session_(session),
      model_(std::move(model)),
      generation_(generation),
      bad_(session.config.task) {}

std::vector<predict::Prediction> Predictor::run(
    const std::vector<predict::PredictionInput::Row>& rows, const std::string& file) {
  records_.clear();
  examples_.clear();
  prediction_of_.clear();
  predictions_.clear();
  for (const auto& row : rows) read(row, file, std::to_string(seen_++));
  if (!examples_.empty()) answer(data::Dataset(file, std::move(examples_), 0));
  return std::move(predictions_);
}

void Predictor::read(const predict::PredictionInput::Row& row, const std::string& file,
                     const std::string& number) {
  try {
    if (!row.error.empty()) throw DataError(row.error);
    auto parts = session_.task->expand(data::Record(row.json, file, row.line), false);
    for (data::Record& part : parts) add_example(std::move(part), file, number);
  } catch (const DataError& error) {
    add_bad(error, number, nullptr);
  }
}

void Predictor::add_example(data::Record given, const std::string& file,
                            const std::string& number) {
  const data::Task& task = *session_.task;
  const data::Record& record = records_.emplace_back(std::move(given));
  try {
    data::Example example = task.question(record);
    task.check_rows(example, file, model_.rows(0).rows);
    predict::Prediction prediction;
    prediction.has_id = !example.id.empty();
    prediction.id = prediction.has_id ? example.id : number;
    prediction.record = &record;
    truncated_ += example.truncated ? 1 : 0;
    ++examples_seen_;
    prediction_of_.push_back(predictions_.size());
    predictions_.push_back(std::move(prediction));
    examples_.push_back(std::move(example));
  } catch (const DataError& error) {
    add_bad(error, number, &record);
  }
}

void Predictor::add_bad(const DataError& error, const std::string& number,
                        const data::Record* record) {
  bad_.add(error);
  predict::Prediction prediction;
  prediction.id = number;
  prediction.error = error.what();
  prediction.record = record;
  predictions_.push_back(std::move(prediction));
}

void Predictor::answer(const data::Dataset& examples) {
  const data::Task& task = *session_.task;
  eval::GenerationOptions generation = generation_;
  generation.streams =
      eval::streams_from(static_cast<std::uint64_t>(examples_seen_ - examples.size()),
                         static_cast<std::size_t>(examples.size()));
  const eval::Scores scores = eval::answer_examples(model_, task, examples, session_.config.eval,
                                                    session_.mesh->batch(), nullptr, generation);
  for (std::size_t i = 0; i < prediction_of_.size(); ++i) {
    const data::Example& example = examples[static_cast<std::int64_t>(i)];
    predict::Prediction& prediction = predictions_[prediction_of_[i]];
    const int label = scores.predictions[i];
    prediction.is_label = label >= 0;
    prediction.answer = std::string(data::stripped(scores.texts[i]));
    prediction.is_json = task.options().kind == data::TaskKind::kTokenClassification;
    if (example.scored) continue;
    if (!scores.scores.empty()) {
      prediction.candidates = example.candidates;
      prediction.probabilities = softmax(scores.scores[i]);
    } else {
      prediction.generated = scores.texts[i];
      if (label < 0) continue;
      const auto index = static_cast<std::size_t>(label);
      prediction.answer = example.candidates->empty() ? task.labels().at(index)
                                                      : example.candidates->at(index).label;
    }
  }
}

}  // namespace incipit::launcher
