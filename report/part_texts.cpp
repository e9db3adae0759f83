// Report page: what the model read, its errors and the cost.
#include <algorithm>
#include <cmath>
#include <span>

#include "core/text.h"
#include "report/page_parts.h"
#include "telemetry/output.h"

namespace incipit::report {
namespace {

constexpr std::size_t kErrorsAtOnce = 8;

void write_error(Html& page, const WorstError& error) {
  const auto item = page.element("li");
  const EvaluatedExample& prediction = *error.answer.prediction;
  {
    const auto line = page.element("p");
    page.leaf("span", {{"class", "label wrong"}}, prediction.prediction);
    page.text(std::string(" ").append(percent(error.answer.given)).append(", but it is "));
    page.leaf("span", {{"class", "label"}}, prediction.label);
    page.text(std::string(" ").append(percent(error.answer.right)).append(" "));
    page.leaf("span", {{"class", "soft"}},
              "idx " + prediction.id + (error.answer.doubts_label ? ", check the label" : ""));
  }
  write_input(page, error.input);
}

void write_error_list(Html& page, std::span<const WorstError> errors) {
  const auto list = page.element("ul", {{"class", "errors"}});
  for (const WorstError& error : errors) write_error(page, error);
}

// Says how many labels may be wrong.
std::string doubts(const std::vector<WorstError>& errors) {
  const auto count = std::count_if(errors.begin(), errors.end(), [](const WorstError& error) {
    return error.answer.doubts_label;
  });
  if (count == 0) return "";
  return " Likely mislabelled: " + telemetry::grouped(count) +
         ", marked \u201ccheck the label\u201d. The model is at least as sure of "
         "these answers as it is, on average, in the examples with that label.";
}

void write_soft_prompt(Html& page, std::int64_t rows) {
  constexpr std::int64_t kMostBlocks = 100;
  const std::string name = "soft prompt of " + telemetry::grouped(rows) + " rows";
  const auto blocks = page.element(
      "span", {{"class", "soft-prompt"}, {"role", "img"}, {"aria-label", name}, {"title", name}});
  for (std::int64_t row = 0; row < std::min(rows, kMostBlocks); ++row) page.trusted("<i></i>");
}

// Writes a token. Line breaks are marked and kept.
void write_token(Html& page, const SeenPiece& piece) {
  const char* kind = piece.kind == SeenPiece::Kind::kSpecial ? "special" : "token";
  std::string text;
  for (const char c : piece.text) text += c == '\n' ? std::string("\u21B5\n") : std::string(1, c);
  page.leaf("span", {{"class", kind}}, text);
}

void write_scored(Html& page, const std::vector<Answer>& answers) {
  const auto list = page.element("ul", {{"class", "answers"}});
  for (const Answer& answer : answers) {
    const auto item = page.element("li", {{"class", answer.right ? "right" : "other"}});
    page.leaf("code", telemetry::visible(answer.text));
    std::string more = answer.label.empty() ? "" : " " + answer.label;
    if (answer.tokens != 1) more += ", " + telemetry::grouped(answer.tokens) + " tokens";
    page.leaf("span", {{"class", "soft"}}, more + (answer.right ? " \u2713" : ""));
  }
}

std::string ratio(const Cost& cost) {
  return "1 / " + telemetry::grouped(std::llround(static_cast<double>(cost.backbone_bytes) /
                                                  static_cast<double>(cost.adapter_bytes)));
}

telemetry::Facts training_facts(const Cost& cost) {
  telemetry::Facts facts;
  if (cost.steps > 0) {
    facts.emplace_back("steps", telemetry::grouped(cost.steps));
    facts.emplace_back("examples", telemetry::grouped(cost.examples));
    facts.emplace_back("tokens computed", telemetry::short_count(cost.tokens));
    facts.emplace_back("time of the steps", human_seconds(cost.seconds));
  }
  if (cost.seconds > 0) {
    const double rate = static_cast<double>(cost.tokens) / cost.seconds;
    facts.emplace_back("tokens a second", telemetry::grouped(std::llround(rate)));
  }
  if (cost.adapter_bytes > 0) {
    facts.emplace_back("learned", human_bytes(static_cast<double>(cost.adapter_bytes)));
  }
  if (cost.backbone_bytes > 0) {
    facts.emplace_back("frozen model", human_bytes(static_cast<double>(cost.backbone_bytes)));
  }
  if (cost.adapter_bytes > 0 && cost.backbone_bytes > 0) {
    facts.emplace_back("learned / frozen", ratio(cost));
  }
  return facts;
}

std::string plain(std::string key) {
  std::replace(key.begin(), key.end(), '_', ' ');
  return key;
}

}  // namespace

void write_input(Html& page, const FieldValues& input) {
  for (const auto& [field, value] : input) {
    const auto box = page.element("div", {{"class", "text"}, {"dir", "auto"}});
    if (input.size() > 1) page.leaf("span", {{"class", "soft"}}, field + " ");
    page.text(value);
  }
}

void write_errors(Html& page, const RunFigures& figures) {
  if (figures.errors.empty()) return;
  page.leaf("h2", "Worst errors");
  page.leaf("p", {{"class", "soft"}},
            telemetry::grouped(static_cast<std::int64_t>(figures.errors.size())) + " of " +
                telemetry::grouped(figures.wrong) +
                " wrong answers, the most confident first, with the probability of the answer and "
                "of the label among all labels." +
                doubts(figures.errors));
  if (!figures.texts_problem.empty()) {
    page.leaf("p", {{"class", "soft"}}, "Their texts cannot be shown. " + figures.texts_problem);
  }
  const auto errors = std::span(figures.errors);
  const std::size_t first = std::min(errors.size(), kErrorsAtOnce);
  write_error_list(page, errors.first(first));
  if (first == errors.size()) return;
  const auto details = page.element("details");
  page.leaf("summary", std::to_string(errors.size() - first) + " more");
  write_error_list(page, errors.subspan(first));
}

void write_example(Html& page, const RunFigures& figures) {
  if (!figures.example) return;
  const SeenExample& example = *figures.example;
  page.leaf("h2", "Model input");
  const auto card = page.element("div", {{"class", "card"}});
  page.leaf("div", {{"class", "soft"}}, example.place + (example.truncated ? ", cut to fit" : ""));
  {
    const auto text = page.element("div", {{"class", "seen"}, {"dir", "auto"}});
    for (const SeenPiece& piece : example.pieces) {
      if (piece.kind == SeenPiece::Kind::kSoftPrompt) {
        write_soft_prompt(page, piece.rows);
      } else {
        write_token(page, piece);
      }
    }
  }
  if (example.answers.empty()) return;
  page.leaf("div", {{"class", "soft"}}, "Scored after it:");
  write_scored(page, example.answers);
}

void write_cost(Html& page, const RunData& run, const Cost& cost) {
  telemetry::Facts facts = training_facts(cost);
  for (const auto& [name, value] : run.manifest.facts) facts.emplace_back(plain(name), value);
  if (facts.empty()) return;
  page.leaf("h2", "Cost");
  const auto card = page.element("div", {{"class", "card"}});
  const auto list = page.element("dl", {{"class", "facts"}});
  for (const auto& [name, value] : facts) {
    const auto entry = page.element("div");
    page.leaf("dt", name);
    page.leaf("dd", value);
  }
}

}  // namespace incipit::report
