// Report page: scores of a run and its confusion matrix.
#include "report/line_chart.h"
#include "report/page_parts.h"
#include "telemetry/output.h"

namespace incipit::report {
namespace {

constexpr int kMostClasses = 40;  // largest readable confusion matrix
constexpr int kMostRows = 200;    // rows of a table

std::string shown(const std::optional<double>& share) {
  return share ? telemetry::fixed(*share * 100, 1) : "\u2013";
}

void write_split(Html& page, const SplitFigures& split) {
  const auto row = page.element("tr");
  {
    const auto name = page.element("th", {{"scope", "row"}});
    page.text(split.split);
    page.leaf("small", telemetry::grouped(split.confusion.total()) + " examples");
  }
  {
    const auto score = page.element("td", {{"class", "n"}});
    page.text(percent(split.accuracy));
    page.leaf("small", percent_range(split.accuracy_95.low, split.accuracy_95.high));
  }
  {
    const auto cell = page.element("td", {{"class", "interval"}});
    write_interval(page, split.accuracy, split.accuracy_95.low, split.accuracy_95.high,
                   split.majority_share, 0);
  }
  const auto cell = page.element("td", {{"class", "n gain"}, {"data-title", "majority:"}});
  page.text(percent(split.majority_share));
  page.leaf("small", "macro F1 " + telemetry::fixed(split.macro_f1 * 100, 1));
}

void write_cell(Html& page, const SplitFigures& split, int label, int prediction) {
  const eval::Confusion& confusion = split.confusion;
  const std::int64_t count = confusion.count(label, prediction);
  if (count == 0) return page.leaf("td", {{"class", "none"}}, "\u00B7");
  const double share = static_cast<double>(count) / static_cast<double>(confusion.labelled(label));
  page.leaf(
      "td",
      {{"class", label == prediction ? "hit" : "miss"},
       {"style", "--share:" + css_number(share)},
       {"title",
        telemetry::grouped(count) + " of " + telemetry::grouped(confusion.labelled(label)) + " '" +
            split.labels[static_cast<std::size_t>(label)] + "' answered '" +
            split.labels[static_cast<std::size_t>(prediction)] + "' (" + percent(share) + ")"}},
      telemetry::grouped(count));
}

void write_matrix(Html& page, const SplitFigures& split) {
  const auto card = page.element("div", {{"class", "card scroll"}});
  const auto table = page.element("table", {{"class", "confusion"}});
  page.leaf("caption", "Rows: the label; columns: the answer. Shaded by share of the row.");
  {
    const auto head = page.element("thead");
    const auto row = page.element("tr");
    page.leaf("th", "");
    for (const std::string& label : split.labels) {
      const auto cell = page.element("th", {{"scope", "col"}});
      page.leaf("span", label);
    }
  }
  const auto body = page.element("tbody");
  for (int label = 0; label < split.confusion.classes(); ++label) {
    const auto row = page.element("tr");
    page.leaf("th", {{"scope", "row"}}, split.labels[static_cast<std::size_t>(label)]);
    for (int prediction = 0; prediction < split.confusion.classes(); ++prediction) {
      write_cell(page, split, label, prediction);
    }
  }
}

void write_labels(Html& page, const SplitFigures& split) {
  const auto card = page.element("div", {{"class", "card scroll"}});
  const auto table = page.element("table", {{"class", "wide"}});
  page.leaf("caption", "Precision, recall and F1 of each label, in percent.");
  {
    const auto head = page.element("thead");
    const auto row = page.element("tr");
    page.leaf("th", {{"scope", "col"}}, "label");
    for (const char* title : {"n", "prec.", "recall", "F1"}) {
      page.leaf("th", {{"scope", "col"}, {"class", "n"}}, title);
    }
  }
  const auto body = page.element("tbody");
  for (int label = 0; label < split.confusion.classes(); ++label) {
    const auto row = page.element("tr");
    page.leaf("th", {{"scope", "row"}}, split.labels[static_cast<std::size_t>(label)]);
    page.leaf("td", {{"class", "n"}}, telemetry::grouped(split.confusion.labelled(label)));
    page.leaf("td", {{"class", "n"}}, shown(split.confusion.precision(label)));
    page.leaf("td", {{"class", "n"}}, shown(split.confusion.recall(label)));
    page.leaf("td", {{"class", "n"}}, shown(split.confusion.f1(label)));
  }
}

}  // namespace

// Uses percent of the width, so that dots stay round at any width.
void write_interval(Html& page, double value, double low, double high, double mark, int colour) {
  const auto x = [](double share) { return css_number(2 + share * 96) + "%"; };
  const auto svg = page.element("svg", {{"role", "img"}, {"aria-label", percent_range(low, high)}});
  const auto line = [&](std::string_view kind, double from, double to) {
    page.shape("line",
               {{"class", kind}, {"x1", x(from)}, {"x2", x(to)}, {"y1", "12"}, {"y2", "12"}});
  };
  page.leaf("title",
            percent(value) + " (95 %: " + percent_range(low, high) + "), line at " + percent(mark));
  line("grid", 0, 1);
  page.shape("line",
             {{"class", "level"}, {"x1", x(mark)}, {"x2", x(mark)}, {"y1", "2"}, {"y2", "22"}});
  line(coloured("whisker", colour), low, high);
  page.shape("circle",
             {{"class", coloured("dot", colour)}, {"cx", x(value)}, {"cy", "12"}, {"r", "5"}});
}

void write_scores(Html& page, const RunFigures& figures) {
  if (figures.splits.empty()) return;
  page.leaf("h2", "Scores");
  const auto card = page.element("div", {{"class", "card"}});
  const auto table = page.element("table", {{"class", "wide stack"}});
  page.leaf(
      "caption",
      "Share of examples answered correctly, with Wilson's 95 % interval. The thin line marks "
      "the majority: always answering '" +
          figures.splits.back().majority_label + "'.");
  {
    const auto head = page.element("thead");
    const auto row = page.element("tr");
    page.leaf("th", {{"scope", "col"}}, "split");
    page.leaf("th", {{"scope", "col"}, {"class", "n"}}, "accuracy");
    page.leaf("th", {{"scope", "col"}, {"class", "interval"}}, "0 to 100 %");
    page.leaf("th", {{"scope", "col"}, {"class", "n"}}, "majority");
  }
  const auto body = page.element("tbody");
  for (const SplitFigures& split : figures.splits) write_split(page, split);
}

void write_confusion(Html& page, const RunFigures& figures) {
  if (figures.splits.empty()) return;
  const SplitFigures& split = figures.splits.back();
  if (split.confusion.classes() > kMostRows) return;
  page.leaf("h2", "Labels on " + split.split);
  const auto pair = page.element("div", {{"class", "pair"}});
  if (split.confusion.classes() <= kMostClasses) write_matrix(page, split);
  write_labels(page, split);
}

}  // namespace incipit::report
