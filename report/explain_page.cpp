#include "report/explain_page.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "report/line_chart.h"
#include "report/page_parts.h"
#include "report/page_skeleton.h"
#include "telemetry/output.h"

namespace incipit::report {
namespace {

using explain::Explanation;
using explain::Position;
using explain::RatedToken;

std::string signed_number(double number) {
  return (number < 0 ? "\u2212" : "+") + telemetry::fixed(std::abs(number), 3);
}

telemetry::Facts facts_of(const Explanation& it) {
  telemetry::Facts facts{{"loss (" + it.loss_name + ")", telemetry::fixed(it.loss, 4)},
                         {"without a prompt", telemetry::fixed(it.loss_without, 4)}};
  if (it.loss_snapped) {
    facts.emplace_back("every position replaced by its nearest token",
                       telemetry::fixed(*it.loss_snapped, 4));
  }
  if (it.loss_second) facts.emplace_back("second prompt", telemetry::fixed(*it.loss_second, 4));
  if (it.split_half) {
    facts.emplace_back("rank correlation between halves", telemetry::fixed(*it.split_half, 2));
  }
  facts.emplace_back("examples", telemetry::grouped(it.examples) + ", " + it.split);
  return facts;
}

void write_explain_head(Html& page, const Explanation& it) {
  {
    const auto header = page.element("header");
    page.leaf("p", {{"class", "mark"}}, "incipit explain");
    page.leaf("h1", it.adapters.front());
    page.leaf("p", {{"class", "soft"}}, it.model);
  }
  write_facts(page, facts_of(it));
  if (it.deep) {
    page.leaf("p",
              "This prompt is keys and values in every layer. No token has such vectors, so only "
              "its effect is shown: the loss without each position, and attention.");
    return;
  }
  const auto caveat = page.element("div", {{"class", "finding"}});
  page.leaf("p", explain::kWaywardness);
}

Line line_of(const Explanation& it, const std::string& name, int colour,
             double (*value)(const Position&)) {
  Line line{.name = name, .colour = colour, .points = {}, .dots = true};
  for (std::size_t i = 0; i < it.positions.size(); ++i) {
    line.points.push_back({static_cast<double>(i), value(it.positions[i])});
  }
  return line;
}

void write_losses(Html& page, const Explanation& it) {
  page.leaf("h2", "Loss after changing one position");
  LineChart chart;
  chart.title = "difference to the whole prompt, in nats";
  chart.x_title = "position";
  chart.level = Level{"whole prompt", 0};
  chart.lines.push_back(line_of(it, "removed", 0, [](const Position& p) { return p.removed; }));
  if (!it.deep) {
    chart.lines.push_back(line_of(it, "replaced by its nearest token", 1,
                                  [](const Position& p) { return p.snapped; }));
  }
  if (it.loss_second) {
    chart.lines.push_back(line_of(it, "replaced by the second prompt's row", 2,
                                  [](const Position& p) { return p.patched.value_or(NAN); }));
  }
  {
    const auto legend = page.element("ul", {{"class", "legend"}});
    for (const Line& line : chart.lines) {
      const auto item = page.element("li", {{"class", coloured("", line.colour)}});
      page.leaf("span", line.name);
    }
  }
  {
    const auto charts = page.element("div", {{"class", "charts"}});
    draw(page, chart);
  }
  if (!it.split_half) return;
  page.leaf("p", {{"class", "soft"}},
            "The order of the positions by the loss without them has a rank correlation of " +
                telemetry::fixed(*it.split_half, 2) +
                " between two halves of the examples. Below 0.6 it is mostly noise; use more "
                "examples.");
}

std::string tokens_text(const std::vector<RatedToken>& tokens, int decimals) {
  std::string text;
  for (const RatedToken& token : tokens) {
    if (!text.empty()) text += "  ";
    text += telemetry::visible(token.text) + " " + telemetry::fixed(token.value, decimals);
  }
  return text;
}

void token_cell(Html& page, const std::vector<RatedToken>& tokens) {
  const auto cell = page.element("td", {{"title", tokens_text(tokens, 3)}});
  page.leaf("code", telemetry::visible(tokens.front().text));
  page.leaf("small", telemetry::fixed(tokens.front().value, 2));
}

void write_heads(Html& page, const std::vector<std::string>& names) {
  const auto head = page.element("thead");
  const auto row = page.element("tr");
  for (const std::string& name : names) page.leaf("th", name);
}

void write_neighbours(Html& page, const Explanation& it) {
  page.leaf("h2", "Nearest tokens");
  const bool initial = it.positions.front().initial.has_value();
  std::vector<std::string> heads{"position", "norm", "nearest by cosine", "nearest by distance"};
  if (initial) heads.insert(heads.end(), {"initial, cosine", "initial, distance"});
  heads.insert(heads.end(), {"random, cosine", "random, distance", "removed", "snapped"});
  const auto scroll = page.element("div", {{"class", "scroll"}});
  const auto table = page.element("table", {{"class", "wide"}});
  page.leaf("caption", "Best first; more on hover. Removed and snapped: difference of the loss.");
  write_heads(page, heads);
  const auto body = page.element("tbody");
  for (std::size_t i = 0; i < it.positions.size(); ++i) {
    const Position& position = it.positions[i];
    const auto row = page.element("tr");
    page.leaf("th", telemetry::grouped(static_cast<std::int64_t>(i)));
    page.leaf("td", {{"class", "n"}}, telemetry::fixed(position.norm, 2));
    token_cell(page, position.trained.by_cosine);
    token_cell(page, position.trained.by_distance);
    if (initial) token_cell(page, position.initial->by_cosine);
    if (initial) token_cell(page, position.initial->by_distance);
    token_cell(page, position.random.by_cosine);
    token_cell(page, position.random.by_distance);
    page.leaf("td", {{"class", "n"}}, signed_number(position.removed));
    page.leaf("td", {{"class", "n"}}, signed_number(position.snapped));
  }
}

// Writes a row of table heads: the numbers of the layers from 1.
void write_layers(Html& page, std::size_t layers) {
  std::vector<std::string> heads{"position"};
  for (std::size_t layer = 1; layer <= layers; ++layer) heads.push_back(std::to_string(layer));
  write_heads(page, heads);
}

// Writes a table of positions and layers. `write_cells` writes the cells of one position.
void write_by_layer(Html& page, const std::string& title, const std::string& caption,
                    const Explanation& it, std::size_t layers,
                    const std::function<void(const Position&)>& write_cells) {
  page.leaf("h2", title);
  const auto scroll = page.element("div", {{"class", "scroll"}});
  const auto table = page.element("table", {{"class", "confusion"}});
  page.leaf("caption", caption);
  write_layers(page, layers);
  const auto body = page.element("tbody");
  for (std::size_t i = 0; i < it.positions.size(); ++i) {
    const auto row = page.element("tr");
    page.leaf("th", telemetry::grouped(static_cast<std::int64_t>(i)));
    write_cells(it.positions[i]);
  }
}

void write_attention(Html& page, const Explanation& it) {
  double largest = 0;
  for (const Position& position : it.positions) {
    largest =
        std::max(largest, *std::max_element(position.attention.begin(), position.attention.end()));
  }
  write_by_layer(page, "Attention by position and layer",
                 "Percent of the attention of the rows that predict the answers, mean over heads "
                 "and examples. The rest goes to the text and to the answer.",
                 it, it.positions.front().attention.size(), [&](const Position& position) {
                   for (const double weight : position.attention) {
                     const double share = largest > 0 ? weight / largest : 0;
                     page.leaf("td", {{"style", "--share:" + css_number(share)}},
                               telemetry::fixed(100 * weight, 1));
                   }
                 });
}

void write_lens(Html& page, const Explanation& it) {
  write_by_layer(page, "Logit lens by position and layer",
                 "The likeliest next token if this layer were the last one: the model's final norm "
                 "and head on its output (logit lens). Shaded by probability; more on hover.",
                 it, it.positions.front().lens.size(), [&](const Position& position) {
                   for (const std::vector<RatedToken>& tokens : position.lens) {
                     const std::string style = "--share:" + css_number(tokens.front().value);
                     const auto cell =
                         page.element("td", {{"style", style}, {"title", tokens_text(tokens, 3)}});
                     page.leaf("code", telemetry::visible(tokens.front().text));
                   }
                 });
}

void write_agreement(Html& page, const Explanation& it) {
  page.leaf("h2", "Agreement");
  const auto scroll = page.element("div", {{"class", "scroll"}});
  const auto table = page.element("table");
  page.leaf("caption",
            "Cosine of the rows at equal positions, and the share of the five nearest tokens that "
            "are equal there; beside it the share between different positions. Prompts of several "
            "seeds agree only if the first share is clearly above that of their initial values.");
  write_heads(page, {"prompt", "compared with", "cosine", "shared tokens", "other positions"});
  const auto body = page.element("tbody");
  for (const explain::Agreement& each : it.agreement) {
    const auto row = page.element("tr");
    page.leaf("th", each.first);
    page.leaf("th", each.second);
    page.leaf("td", {{"class", "n"}}, telemetry::fixed(each.cosine, 3));
    page.leaf("td", {{"class", "n"}}, percent(each.shared));
    page.leaf("td", {{"class", "n"}}, percent(each.elsewhere));
  }
}

constexpr double kPlotWidth = 680;
constexpr double kPlotHeight = 420;
constexpr double kPlotMargin = 14;

// Returns the names of the groups in order; a group's index is its colour.
std::vector<std::string> groups_of(const explain::Projection& projection) {
  std::vector<std::string> groups;
  for (const explain::Point& point : projection.points) {
    if (groups.empty() || groups.back() != point.group) groups.push_back(point.group);
  }
  return groups;
}

void write_points(Html& page, const explain::Projection& projection,
                  const std::vector<std::string>& groups) {
  const auto& points = projection.points;
  const auto by_x = [](const auto& a, const auto& b) { return a.x < b.x; };
  const auto by_y = [](const auto& a, const auto& b) { return a.y < b.y; };
  const auto [left, right] = std::minmax_element(points.begin(), points.end(), by_x);
  const auto [low, high] = std::minmax_element(points.begin(), points.end(), by_y);
  const double scale = std::min((kPlotWidth - 2 * kPlotMargin) / std::max(right->x - left->x, 1e-9),
                                (kPlotHeight - 2 * kPlotMargin) / std::max(high->y - low->y, 1e-9));
  for (const explain::Point& point : points) {
    const auto group = std::find(groups.begin(), groups.end(), point.group) - groups.begin();
    const bool token = group == 0;
    const auto dot = page.element(
        "circle", {{"class", token ? "token-dot" : coloured("dot", static_cast<int>(group) - 1)},
                   {"cx", css_number(kPlotMargin + (point.x - left->x) * scale)},
                   {"cy", css_number(kPlotHeight - kPlotMargin - (point.y - low->y) * scale)},
                   {"r", token ? "2" : "4"}});
    page.leaf("title", point.group + ", " + telemetry::visible(point.text));
  }
}

void write_projection(Html& page, const explain::Projection& projection) {
  page.leaf("h2", "Prompts and vocabulary in two dimensions");
  const std::vector<std::string> groups = groups_of(projection);
  {
    const auto legend = page.element("ul", {{"class", "legend"}});
    for (std::size_t g = 1; g < groups.size(); ++g) {
      const auto item = page.element("li", {{"class", coloured("", static_cast<int>(g) - 1)}});
      page.leaf("span", groups[g]);
    }
  }
  const auto figure = page.element("figure", {{"class", "card"}});
  const std::string box = "0 0 " + css_number(kPlotWidth) + " " + css_number(kPlotHeight);
  const auto svg = page.element(
      "svg", {{"viewBox", box}, {"role", "img"}, {"aria-label", "Prompts and vocabulary"}});
  write_points(page, projection, groups);
}

void write_projection_note(Html& page, const explain::Projection& projection) {
  page.leaf("p", {{"class", "soft"}},
            "The two principal components of the prompts' rows and of part of the vocabulary "
            "(small dots) have " +
                percent(projection.explained) +
                " of the variance. What is near here need not be near in all dimensions.");
}

void write_in_words(Html& page, const explain::InWords& words) {
  page.leaf("h2", "In words");
  const auto scroll = page.element("div", {{"class", "scroll"}});
  const auto table = page.element("table", {{"class", "wide"}});
  page.leaf("caption",
            "The text, found by search, after which the model answers most like after the prompt: "
            "mean KL divergence of the answers' probabilities, in nats. It is one of many, and no "
            "translation of the prompt.");
  write_heads(page, {"", "text", "divergence"});
  const auto body = page.element("tbody");
  const auto add = [&](const char* name, const explain::RatedText& text) {
    const auto row = page.element("tr");
    page.leaf("th", name);
    page.leaf("td", {{"class", "text"}}, text.text);
    page.leaf("td", {{"class", "n"}}, telemetry::fixed(text.divergence, 4));
  };
  add("found", words.found);
  add("start of the search", words.start);
  add("random", words.random);
}

}  // namespace

std::string explain_page(const Explanation& explanation) {
  return whole_page(explanation.adapters.front() + " - incipit explain", [&](Html& page) {
    write_explain_head(page, explanation);
    write_losses(page, explanation);
    if (!explanation.deep) write_neighbours(page, explanation);
    if (!explanation.agreement.empty()) write_agreement(page, explanation);
    write_attention(page, explanation);
    if (!explanation.deep) write_lens(page, explanation);
    if (explanation.in_words) write_in_words(page, *explanation.in_words);
    if (!explanation.projection) return;
    write_projection(page, *explanation.projection);
    write_projection_note(page, *explanation.projection);
  });
}

}  // namespace incipit::report
