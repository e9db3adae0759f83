// Line charts with axes, as inline SVG.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/html.h"

namespace incipit::report {

struct Point {
  double x = 0;
  double y = 0;  // not finite: a gap
};

// A confidence interval of a point's y.
struct Whisker {
  double low = 0;
  double high = 0;
};

struct Line {
  std::string name;
  int colour = 0;  // index into the palette; a run keeps its colour on the whole page
  std::vector<Point> points;
  bool dots = false;   // few points, drawn as dots; else many, drawn with their trend
  bool joined = true;  // dots are connected in their order
  std::vector<Whisker> intervals = {};  // 95 %, of each point; empty: none
};

struct Level {
  std::string name;
  double y = 0;
};

struct LineChart {
  std::string title;
  std::string x_title;
  std::string unit;  // after the numbers of the y axis; "%": fractions, printed times 100
  std::vector<Line> lines;
  std::optional<Level> level;  // reference level, dashed
  bool from_zero = false;
  bool exact = false;  // set rather than measured: drawn without a trend
  bool log_x = false;  // logarithmic x axis, whose ticks are the points' own; all x > 0
};

// Returns the CSS class for a kind of mark and a colour number: "line c2". Numbers from 0 up cycle
// through the colours.
[[nodiscard]] std::string coloured(std::string_view kind, int colour);

// Returns 2 to `most` + 1 round numbers at even steps. The first is at or below `low`, the last at
// or above `high`. low <= high.
[[nodiscard]] std::vector<double> round_ticks(double low, double high, int most);

// Averages neighbouring points down to about `most` points. Points that are not finite are ignored.
[[nodiscard]] std::vector<Point> thinned(std::span<const Point> points, std::size_t most);

// Returns the exponential moving average with a half-life of `half_life` points.
[[nodiscard]] std::vector<Point> trend(std::span<const Point> points, double half_life);

// Draws a chart. Draws nothing when no line has a finite point.
void draw(Html& page, const LineChart& chart);

}  // namespace incipit::report
