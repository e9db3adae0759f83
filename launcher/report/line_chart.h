// A chart of lines with axes, as inline SVG.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "launcher/report/html.h"

namespace incipit::launcher::report {

struct Point {
  double x = 0;
  double y = 0;  // not finite: a gap
};

struct Line {
  std::string name;
  int colour = 0;  // of the palette; runs keep theirs through the page
  std::vector<Point> points;
  bool dots = false;  // few points, each of which matters; else many, drawn with their trend
};

struct Level {
  std::string name;
  double y = 0;
};

struct LineChart {
  std::string title;
  std::string x_title;
  std::string unit;  // behind the numbers of the vertical axis; "%": shares, printed times 100
  std::vector<Line> lines;
  std::optional<Level> level;  // to compare with, dashed
  bool from_zero = false;
  bool exact = false;  // what was set rather than measured: drawn without a trend
};

// "line c2": the class of what is drawn in the colour of this number, for which all whole numbers
// from 0 stand in turns.
[[nodiscard]] std::string coloured(std::string_view kind, int colour);

// Round numbers at even steps, of which the first is at or below `low` and the last at or above
// `high`: 2 to `most` + 1 of them. low <= high.
[[nodiscard]] std::vector<double> round_ticks(double low, double high, int most);

// About `most` points: means of runs of neighbours. Points that are not finite count in none.
[[nodiscard]] std::vector<Point> thinned(std::span<const Point> points, std::size_t most);

// The running mean in which a point's weight falls by half over `half_life` points.
[[nodiscard]] std::vector<Point> trend(std::span<const Point> points, double half_life);

// Nothing is drawn when no line has a finite point.
void draw(Html& page, const LineChart& chart);

}  // namespace incipit::launcher::report
