// Report page: comparison of methods.
#include <algorithm>

#include "report/page_parts.h"
#include "telemetry/output.h"

namespace incipit::report {
namespace {

void write_gain(Html& page, const eval::MeanInterval& gain) {
  page.leaf("span", {{"class", gain.excludes_zero() ? "sure" : ""}}, points(gain.mean));
  page.leaf("small", points(gain.low) + " to " + points(gain.high));
}

void write_method(Html& page, const Comparison& comparison, std::size_t m) {
  const Method& method = comparison.methods[m];
  const bool best = m == comparison.best;
  const auto row = page.element("tr", {{"class", best ? "best" : "method"}});
  {
    const auto name = page.element("th", {{"scope", "row"}});
    page.text(method.name);
    std::string more = method.description;
    if (method.runs.size() > 1) {
      more += (more.empty() ? "" : ", ") + std::to_string(method.runs.size()) + " seeds";
    }
    if (!more.empty()) page.leaf("small", more);
  }
  {
    const auto score = page.element("td", {{"class", "n"}});
    page.text(percent(method.score));
    page.leaf("small", percent_range(method.low, method.high));
  }
  for (const double other : method.others) page.leaf("td", {{"class", "n"}}, percent(other));
  {
    const auto cell = page.element("td", {{"class", "interval"}});
    write_interval(page, method.score, method.low, method.high, comparison.methods[0].score,
                   best ? 2 : 0);
    if (method.scores.size() > 1) {
      const auto [low, high] = std::minmax_element(method.scores.begin(), method.scores.end());
      page.leaf("small", "seeds " + percent_range(*low, *high));
    }
  }
  if (best) return page.leaf("td", {{"class", "n soft"}}, "the best");
  const auto cell = page.element("td", {{"class", "n gain"}, {"data-title", "gain of the best:"}});
  write_gain(page, comparison.gains[comparison.best][m]);
}

void write_matrix(Html& page, const Comparison& comparison) {
  const auto details = page.element("details");
  page.leaf("summary", "Every method against every other");
  const auto box = page.element("div", {{"class", "scroll"}});
  const auto table = page.element("table");
  page.leaf("caption", "Gain of the row's method over the column's, in points.");
  {
    const auto head = page.element("thead");
    const auto row = page.element("tr");
    page.leaf("th", "");
    for (const Method& method : comparison.methods) {
      page.leaf("th", {{"scope", "col"}, {"class", "n"}}, method.name);
    }
  }
  const auto body = page.element("tbody");
  for (std::size_t m = 0; m < comparison.methods.size(); ++m) {
    const auto row = page.element("tr");
    page.leaf("th", {{"scope", "row"}}, comparison.methods[m].name);
    for (std::size_t over = 0; over < comparison.methods.size(); ++over) {
      const auto cell = page.element("td", {{"class", "n"}});
      if (m != over) write_gain(page, comparison.gains[m][over]);
    }
  }
}

// Returns a title for the beginning of a sentence.
std::string capitalised(std::string title) {
  if (title[0] >= 'a' && title[0] <= 'z' && title != "chrF") title[0] += 'A' - 'a';
  return title;
}

}  // namespace

void write_comparison(Html& page, const Comparison& comparison) {
  const auto section = page.element("section", {{"id", "comparison"}});
  page.leaf("h2", "Comparison");
  if (!comparison.mixed_types.empty()) {
    page.leaf("p", {{"class", "finding"}}, comparison.mixed_types);
  }
  {
    const auto card = page.element("div", {{"class", "card"}});
    const auto table = page.element("table", {{"class", "wide stack"}});
    page.leaf(
        "caption",
        capitalised(comparison.title) + " on " +
            telemetry::grouped(static_cast<std::int64_t>(comparison.examples)) +
            " test examples with 95 % intervals: of shares Wilson's for a single run, else the "
            "bootstrap's over examples. Gains are in points, by paired bootstrap "
            "over the examples (" +
            telemetry::grouped(eval::PairedBootstrap::kResamples) +
            " resamples); in green where the interval excludes 0. The thin line marks "
            "always answering '" +
            comparison.majority_label + "'.");
    {
      const auto head = page.element("thead");
      const auto row = page.element("tr");
      page.leaf("th", {{"scope", "col"}}, "method");
      page.leaf("th", {{"scope", "col"}, {"class", "n"}}, comparison.title);
      for (const std::string& other : comparison.others) {
        page.leaf("th", {{"scope", "col"}, {"class", "n"}}, other);
      }
      page.leaf("th", {{"scope", "col"}, {"class", "interval"}}, "0 to 100 %");
      page.leaf("th", {{"scope", "col"}, {"class", "n"}}, "gain of the best");
    }
    const auto body = page.element("tbody");
    for (std::size_t m = 0; m < comparison.methods.size(); ++m) write_method(page, comparison, m);
  }
  if (comparison.methods.size() > 2) write_matrix(page, comparison);
}

}  // namespace incipit::report
