#include "report/line_chart.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "telemetry/output.h"

namespace incipit::report {
namespace {

// In SVG units; on a phone, about one pixel each.
constexpr double kWidth = 360;
constexpr double kHeight = 210;
constexpr double kLeft = 46;
constexpr double kRight = 350;
constexpr double kTop = 10;
constexpr double kBottom = 178;
constexpr std::size_t kMostPoints = 300;  // more cannot be distinguished

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  [[nodiscard]] bool empty() const { return low > high; }
};

struct Frame {
  std::vector<double> x_ticks;
  std::vector<double> y_ticks;
  double x_low = 0, x_high = 0;  // range of the data: the line fills the width
  bool log_x = false;
  [[nodiscard]] double x(double value) const {
    const double share = log_x ? std::log(value / x_low) / std::log(x_high / x_low)
                               : (value - x_low) / (x_high - x_low);
    return kLeft + share * (kRight - kLeft);
  }
  [[nodiscard]] double y(double value) const {
    const double low = y_ticks.front();
    return kBottom - (value - low) / (y_ticks.back() - low) * (kBottom - kTop);
  }
};

std::string number(double value, double step, const std::string& unit) {
  if (unit == "%") return telemetry::fixed(value * 100, step < 0.01 ? 1 : 0) + " %";
  const double size = std::max(std::abs(value), step);
  if (value != 0 && (size >= 1e5 || size < 1e-3)) {
    std::string text =
        telemetry::fixed(value / std::pow(10, std::floor(std::log10(std::abs(value)))), 1);
    text += "e" + std::to_string(static_cast<int>(std::floor(std::log10(std::abs(value)))));
    return text;
  }
  const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  const std::string text =
      decimals == 0 ? telemetry::grouped(std::llround(value)) : telemetry::fixed(value, decimals);
  return unit.empty() ? text : text + " " + unit;
}

// Returns the x of the points, without those whose labels would overlap an earlier one.
std::vector<double> own_ticks(const LineChart& chart, const Frame& frame) {
  constexpr double kLabel = 34;  // width
  std::set<double> own;
  for (const Line& line : chart.lines) {
    for (const Point& point : line.points) own.insert(point.x);
  }
  std::vector<double> ticks;
  for (const double x : own) {
    if (ticks.empty() || frame.x(x) - frame.x(ticks.back()) >= kLabel) ticks.push_back(x);
  }
  return ticks;
}

Frame frame_of(const LineChart& chart) {
  Range x;
  Range y;
  for (const Line& line : chart.lines) {
    for (const Point& point : line.points) {
      if (!std::isfinite(point.y)) continue;
      x.add(point.x);
      y.add(point.y);
    }
    for (const Whisker& interval : line.intervals) {
      y.add(interval.low);
      y.add(interval.high);
    }
  }
  Frame frame;
  if (y.empty()) return frame;
  if (chart.level) y.add(chart.level->y);
  if (chart.from_zero) y.add(0);
  frame.log_x = chart.log_x;
  if (x.low == x.high) x.low -= chart.log_x ? x.low / 2 : 1;
  frame.x_low = x.low;
  frame.x_high = x.high;
  frame.y_ticks = round_ticks(y.low, y.high, 4);
  if (chart.log_x) frame.x_ticks = own_ticks(chart, frame);
  for (const double tick : round_ticks(x.low, x.high, 5)) {
    if (!chart.log_x && tick >= x.low && tick <= x.high) frame.x_ticks.push_back(tick);
  }
  return frame;
}

// Returns the distance of the ticks of the x axis; 1 where they are the points' own.
double x_step(const LineChart& chart, const Frame& frame) {
  return chart.log_x || frame.x_ticks.size() < 2 ? 1 : frame.x_ticks[1] - frame.x_ticks[0];
}

void draw_axes(Html& page, const LineChart& chart, const Frame& frame) {
  const double step = frame.y_ticks[1] - frame.y_ticks[0];
  for (const double tick : frame.y_ticks) {
    const std::string y = css_number(frame.y(tick));
    page.shape("line", {{"class", "grid"},
                        {"x1", css_number(kLeft)},
                        {"x2", css_number(kRight)},
                        {"y1", y},
                        {"y2", y}});
    page.leaf("text",
              {{"class", "tick"},
               {"x", css_number(kLeft - 6)},
               {"y", css_number(frame.y(tick) + 4)},
               {"text-anchor", "end"}},
              number(tick, step, chart.unit));
  }
  const double x_distance = x_step(chart, frame);
  for (const double tick : frame.x_ticks) {
    page.leaf(
        "text",
        {{"class", "tick"},
         {"x", css_number(frame.x(tick))},
         {"y", css_number(kBottom + 16)},
         {"text-anchor", frame.x(tick) > kRight - 12 ? "end" : "middle"}},
        x_distance < 1 ? number(tick, x_distance, "") : telemetry::short_count(std::llround(tick)));
  }
  page.leaf("text",
            {{"class", "tick title"},
             {"x", css_number((kLeft + kRight) / 2)},
             {"y", css_number(kBottom + 30)},
             {"text-anchor", "middle"}},
            chart.x_title);
}

std::string path_of(const Frame& frame, std::span<const Point> points) {
  std::string path;
  bool pen_up = true;
  for (const Point& point : points) {
    if (!std::isfinite(point.y)) {
      pen_up = true;
      continue;
    }
    path.append(pen_up ? "M" : "L").append(css_number(frame.x(point.x))).append(" ");
    path.append(css_number(frame.y(point.y)));
    pen_up = false;
  }
  return path;
}

// "soft, step 120: 0.693"
std::string value_text(const LineChart& chart, const Line& line, const Point& point) {
  const bool whole = point.x == std::floor(point.x);
  const std::string x =
      whole ? telemetry::grouped(std::llround(point.x)) : telemetry::fixed(point.x, 2);
  return line.name + ", " + chart.x_title + " " + x + ": " +
         number(point.y, std::abs(point.y) * 0.001, chart.unit);
}

// Draws the intervals of a line whose points are few. "soft, step 120: 0.693 (95 %: 0.61 to 0.72)"
void draw_intervals(Html& page, const LineChart& chart, const Frame& frame, const Line& line) {
  for (std::size_t i = 0; i < line.intervals.size(); ++i) {
    const Point& point = line.points[i];
    const auto [low, high] = line.intervals[i];
    const std::string x = css_number(frame.x(point.x));
    const auto mark = page.element("line", {{"class", coloured("whisker", line.colour)},
                                            {"x1", x},
                                            {"x2", x},
                                            {"y1", css_number(frame.y(high))},
                                            {"y2", css_number(frame.y(low))}});
    page.leaf("title", value_text(chart, line, point) + " (95 %: " + number(low, 0, chart.unit) +
                           " to " + number(high, 0, chart.unit) + ")");
  }
}

void draw_path(Html& page, std::string_view kind, const Line& line, const std::string& path) {
  page.shape("path", {{"class", coloured(kind, line.colour)}, {"d", path}});
}

// Draws invisible dots that show their values on hover.
void draw_values(Html& page, const LineChart& chart, const Frame& frame, const Line& line) {
  constexpr std::size_t kMostValues = 60;
  for (const Point& point : thinned(line.points, kMostValues)) {
    if (!std::isfinite(point.y)) continue;
    const auto dot = page.element("circle", {{"class", "value"},
                                             {"cx", css_number(frame.x(point.x))},
                                             {"cy", css_number(frame.y(point.y))},
                                             {"r", "6"}});
    page.leaf("title", value_text(chart, line, point));
  }
}

void draw_line(Html& page, const LineChart& chart, const Frame& frame, const Line& line) {
  if (line.dots) {
    if (line.joined) draw_path(page, "line", line, path_of(frame, line.points));
    for (const Point& point : line.points) {
      if (!std::isfinite(point.y)) continue;
      const auto dot = page.element("circle", {{"class", coloured("dot", line.colour)},
                                               {"cx", css_number(frame.x(point.x))},
                                               {"cy", css_number(frame.y(point.y))},
                                               {"r", "3"}});
      page.leaf("title", value_text(chart, line, point));
    }
    return;
  }
  draw_intervals(page, chart, frame, line);
  const std::vector<Point> few = thinned(line.points, kMostPoints);
  const bool noisy = !chart.exact && few.size() > 20;
  if (noisy) draw_path(page, "faint", line, path_of(frame, few));
  draw_path(page, "line", line,
            path_of(frame, noisy ? trend(few, static_cast<double>(few.size()) / 40) : few));
  draw_values(page, chart, frame, line);
}

void draw_level(Html& page, const Level& level, const Frame& frame) {
  const double y = frame.y(level.y);
  page.shape("line", {{"class", "level"},
                      {"x1", css_number(kLeft)},
                      {"x2", css_number(kRight)},
                      {"y1", css_number(y)},
                      {"y2", css_number(y)}});
  page.leaf("text",
            {{"class", "tick"},
             {"x", css_number(kRight)},
             {"y", css_number(y > kTop + 16 ? y - 5 : y + 13)},
             {"text-anchor", "end"}},
            level.name);
}

}  // namespace

std::string coloured(std::string_view kind, int colour) {
  constexpr int kColours = 7;  // number of colours in page.css
  return std::string(kind).append(" c").append(std::to_string(colour % kColours));
}

std::vector<double> round_ticks(double low, double high, int most) {
  if (low == high) {
    const double margin = low == 0 ? 1 : std::abs(low) / 2;
    low -= margin;
    high += margin;
  }
  const double raw = (high - low) / most;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  const auto first = std::llround(std::floor(low / step + 1e-9));
  const auto last = std::max(first + 1, std::llround(std::ceil(high / step - 1e-9)));
  std::vector<double> ticks;
  for (auto tick = first; tick <= last; ++tick) ticks.push_back(static_cast<double>(tick) * step);
  return ticks;
}

std::vector<Point> thinned(std::span<const Point> points, std::size_t most) {
  const std::size_t run = (points.size() + most - 1) / most;
  if (run <= 1) return {points.begin(), points.end()};
  std::vector<Point> few;
  for (std::size_t begin = 0; begin < points.size(); begin += run) {
    const auto part = points.subspan(begin, std::min(run, points.size() - begin));
    Point mean{.x = (part.front().x + part.back().x) / 2, .y = 0};
    double finite = 0;
    for (const Point& point : part) {
      if (!std::isfinite(point.y)) continue;
      mean.y += point.y;
      ++finite;
    }
    mean.y /= finite;  // no finite points: NaN, a gap
    few.push_back(mean);
  }
  return few;
}

std::vector<Point> trend(std::span<const Point> points, double half_life) {
  const double keep = std::pow(0.5, 1 / half_life);
  std::vector<Point> smooth(points.begin(), points.end());
  double sum = 0;
  double weight = 0;
  for (Point& point : smooth) {
    if (!std::isfinite(point.y)) continue;
    sum = keep * sum + point.y;
    weight = keep * weight + 1;
    point.y = sum / weight;
  }
  return smooth;
}

void draw(Html& page, const LineChart& chart) {
  const Frame frame = frame_of(chart);
  if (frame.y_ticks.empty()) return;
  const auto figure = page.element("figure", {{"class", "chart"}});
  page.leaf("figcaption", chart.title);
  const auto svg = page.element(
      "svg",
      {{"viewBox",
        std::string("0 0 ").append(css_number(kWidth)).append(" ").append(css_number(kHeight))},
       {"role", "img"},
       {"aria-label", chart.title}});
  draw_axes(page, chart, frame);
  if (chart.level) draw_level(page, *chart.level, frame);
  for (const Line& line : chart.lines) draw_line(page, chart, frame, line);
}

}  // namespace incipit::report
