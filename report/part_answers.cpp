// Report page: scores of free answers, and the answers beside the right ones.
#include "core/text.h"
#include "report/page_parts.h"
#include "telemetry/output.h"

namespace incipit::report {
namespace {

void write_score(Html& page, const TextFigures& split, const TextScore& score) {
  const auto row = page.element("tr");
  {
    const auto name = page.element("th", {{"scope", "row"}});
    page.text(split.split + ", " + score.title);
    page.leaf("small", telemetry::grouped(split.examples) + " examples");
  }
  {
    const auto value = page.element("td", {{"class", "n"}});
    page.text(percent(score.value));
    page.leaf("small", percent_range(score.value_95.low, score.value_95.high));
  }
  {
    const auto cell = page.element("td", {{"class", "interval"}});
    write_interval(page, score.value, score.value_95.low, score.value_95.high, score.constant, 0);
  }
  page.leaf("td", {{"class", "n gain"}, {"data-title", "constant answer:"}},
            percent(score.constant));
}

void write_answer(Html& page, const ShownAnswer& shown, const std::string& title) {
  const auto item = page.element("li");
  const EvaluatedExample& answer = *shown.answer.answer;
  {
    const auto line = page.element("p");
    page.leaf("span", {{"class", "label"}},
              answer.prediction.empty() ? "\u2205" : answer.prediction);
    page.leaf("span", {{"class", "soft"}},
              " " + title + " " + percent(shown.answer.score) + ", idx " + answer.id);
  }
  {
    const auto line = page.element("p");
    page.leaf("span", {{"class", "soft"}}, "right: ");
    page.leaf("span", {{"class", "label fine"}}, join(answer.references, " | "));
  }
  write_input(page, shown.input);
}

void write_list(Html& page, const std::vector<ShownAnswer>& answers, const std::string& title) {
  const auto list = page.element("ul", {{"class", "errors"}});
  for (const ShownAnswer& answer : answers) write_answer(page, answer, title);
}

}  // namespace

void write_text_scores(Html& page, const RunFigures& figures) {
  if (figures.text_splits.empty()) return;
  page.leaf("h2", "Scores");
  const auto card = page.element("div", {{"class", "card"}});
  const auto table = page.element("table", {{"class", "wide stack"}});
  page.leaf("caption",
            "Scores of the generated answers against the right ones, with 95 % intervals: Wilson's "
            "of shares, else the bootstrap's over the examples. The thin line marks always "
            "answering '" +
                figures.text_splits.back().constant + "'.");
  {
    const auto head = page.element("thead");
    const auto row = page.element("tr");
    page.leaf("th", {{"scope", "col"}}, "split, metric");
    page.leaf("th", {{"scope", "col"}, {"class", "n"}}, "score");
    page.leaf("th", {{"scope", "col"}, {"class", "interval"}}, "0 to 100 %");
    page.leaf("th", {{"scope", "col"}, {"class", "n"}}, "constant answer");
  }
  const auto body = page.element("tbody");
  for (const TextFigures& split : figures.text_splits) {
    for (const TextScore& score : split.scores) write_score(page, split, score);
  }
}

void write_answers(Html& page, const RunFigures& figures) {
  if (figures.first_answers.empty()) return;
  const std::string& title = figures.text_splits.back().scores.front().title;
  page.leaf("h2", "Answers");
  page.leaf("p", {{"class", "soft"}},
            "The first answers to the test split, with the score of each by " + title + ".");
  if (!figures.texts_problem.empty()) {
    page.leaf("p", {{"class", "soft"}}, "Their inputs cannot be shown. " + figures.texts_problem);
  }
  write_list(page, figures.first_answers, title);
  const auto details = page.element("details");
  page.leaf("summary", "The answers with the lowest scores");
  write_list(page, figures.weakest, title);
}

}  // namespace incipit::report
