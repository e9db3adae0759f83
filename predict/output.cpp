#include "predict/output.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json.h"
#include "data/csv.h"
#include "telemetry/output.h"
#include "telemetry/terminal.h"

namespace incipit::predict {
namespace {

using Json = nlohmann::ordered_json;

// More digits would be noise and would vary with the number of ranks.
double rounded(double probability) { return std::round(probability * 1e6) / 1e6; }

double highest(const Prediction& prediction) {
  return *std::max_element(prediction.probabilities.begin(), prediction.probabilities.end());
}

// Returns a JSON string as plain text, any other JSON unchanged.
std::string plain(const std::string& json) {
  const Json value = parse_json<Json>(json);
  return value.is_string() ? value.get<std::string>() : json;
}

class JsonlWriter : public PredictionWriter {
 public:
  explicit JsonlWriter(std::ostream& out) : out_(out) {}

  void write(const Prediction& prediction) override {
    Json line;
    line["idx"] = parse_json<Json>(prediction.id);
    line["prediction"] = !prediction.answer   ? Json(nullptr)
                         : prediction.is_json ? parse_json<Json>(*prediction.answer)
                                              : Json(*prediction.answer);
    if (!prediction.answer) line["error"] = prediction.error;
    if (prediction.generated) line["generated"] = *prediction.generated;
    for (std::size_t i = 0; i < prediction.probabilities.size(); ++i) {
      line["probabilities"][(*prediction.candidates)[i].label] =
          rounded(prediction.probabilities[i]);
    }
    out_ << dump_json(line) << '\n';
  }

 private:
  std::ostream& out_;
};

class CsvWriter : public PredictionWriter {
 public:
  CsvWriter(const PredictionLayout& layout, std::ostream& out)
      : kept_(layout.columns.empty() ? layout.fields : layout.columns),
        with_id_(layout.columns.empty() && std::count(kept_.begin(), kept_.end(), "idx") == 0),
        labels_(layout.labels.size()),
        with_probability_(layout.scores && layout.labels.empty()),
        with_error_(layout.skips),
        out_(out) {
    std::vector<std::string> added{"prediction"};
    for (const std::string& label : layout.labels) added.push_back("probability_" + label);
    if (with_probability_) added.emplace_back("probability");
    if (with_error_) added.emplace_back("error");
    for (const std::string& name : added) {
      if (std::count(kept_.begin(), kept_.end(), name) == 0) continue;
      throw ConfigError("the input has a column '" + name +
                        "' already; rename the column, or write JSON Lines (--format jsonl)");
    }
    std::vector<std::string> header;
    if (with_id_) header.emplace_back("idx");
    header.insert(header.end(), kept_.begin(), kept_.end());
    header.insert(header.end(), added.begin(), added.end());
    write_row(header);
  }

  void write(const Prediction& prediction) override {
    std::vector<std::string> row;
    if (with_id_) row.push_back(plain(prediction.id));
    for (const std::string& name : kept_) {
      const bool has = prediction.record != nullptr && prediction.record->has(name);
      row.push_back(has ? plain(prediction.record->json_text(name)) : "");
    }
    row.push_back(prediction.answer.value_or(""));
    for (std::size_t i = 0; i < labels_; ++i) {
      row.push_back(prediction.answer ? telemetry::fixed(prediction.probabilities[i], 6) : "");
    }
    if (with_probability_) {
      row.push_back(prediction.answer ? telemetry::fixed(highest(prediction), 6) : "");
    }
    if (with_error_) row.push_back(prediction.error);
    write_row(row);
  }

 private:
  void write_row(const std::vector<std::string>& row) {
    std::string text;
    data::append_csv_row(text, row);
    out_ << text;
  }

  std::vector<std::string> kept_;
  bool with_id_;
  std::size_t labels_;
  bool with_probability_;
  bool with_error_;
  std::ostream& out_;
};

// Lines are written as they come, so the column widths are fixed in advance.
class TerminalWriter : public PredictionWriter {
 public:
  TerminalWriter(PredictionLayout layout, std::ostream& out)
      : layout_(std::move(layout)),
        style_(telemetry::Style::of_stdout()),
        width_(telemetry::terminal_width(STDOUT_FILENO)),
        out_(out) {
    for (const std::string& label : layout_.labels) {
      answer_width_ = std::max(answer_width_, telemetry::display_width(label));
    }
    if (layout_.labels.empty()) answer_width_ = std::max(answer_width_, width_ / 2);
    const std::string probability = layout_.scores ? " probability  " : "";
    out_ << style_.dim(padded("idx", kIdWidth) + padded("prediction", answer_width_) + probability +
                       "text")
         << '\n';
  }

  void write(const Prediction& prediction) override {
    std::string line = padded(plain(prediction.id), kIdWidth);
    if (!prediction.answer) {
      out_ << line << style_.warning(prediction.error) << '\n';
      return;
    }
    const std::string answer = padded(telemetry::visible(*prediction.answer), answer_width_);
    std::string rest;
    if (!prediction.probabilities.empty()) {
      const std::string percent = telemetry::fixed(100 * highest(prediction), 1) + " %";
      rest = std::string(12 - percent.size(), ' ') + percent + "  ";
    }
    const int taken = kIdWidth + answer_width_ + 4 + telemetry::display_width(rest);
    out_ << line << style_.bold(answer) << rest
         << telemetry::cut_to_width(text_of(*prediction.record), std::max(width_ - taken, 10))
         << '\n';
  }

 private:
  static constexpr int kIdWidth = 6;

  // Pads to at least `width` columns plus two spaces.
  static std::string padded(std::string text, int width) {
    text = telemetry::cut_to_width(text, std::max(width, 1));
    return text + std::string(std::max(width - telemetry::display_width(text), 0) + 2, ' ');
  }

  [[nodiscard]] std::string text_of(const data::Record& record) const {
    std::string text;
    for (const std::string& field : layout_.fields) {
      text += (text.empty() ? "" : " | ") + record.text(field);
    }
    return telemetry::visible(text);
  }

  PredictionLayout layout_;
  telemetry::Style style_;
  int width_;
  int answer_width_ = 10;
  std::ostream& out_;
};

}  // namespace

std::unique_ptr<PredictionWriter> make_prediction_writer(PredictionFormat format,
                                                         const PredictionLayout& layout,
                                                         std::ostream& out) {
  switch (format) {
    case PredictionFormat::kJsonl:
      return std::make_unique<JsonlWriter>(out);
    case PredictionFormat::kCsv:
      return std::make_unique<CsvWriter>(layout, out);
    case PredictionFormat::kTerminal:
      return std::make_unique<TerminalWriter>(layout, out);
  }
  throw LogicError("unknown format of predictions");
}

}  // namespace incipit::predict
