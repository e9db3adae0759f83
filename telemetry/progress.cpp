#include "telemetry/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <iostream>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/log.h"
#include "core/text.h"
#include "telemetry/terminal.h"

namespace incipit::telemetry {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kEraseLine = "\r\x1b[2K";
constexpr std::string_view kBarColour = "\x1b[36m";
constexpr std::string_view kRestColour = "\x1b[90m";
constexpr std::string_view kPlain = "\x1b[0m";

std::string number(double value) {
  std::array<char, 32> text{};
  const double size = std::abs(value);
  const char* format = size != 0 && (size < 1e-3 || size >= 1e6) ? "%.3e" : "%.4g";
  if (size >= 1e-3 && size < 100) format = "%.4f";
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

std::string repeat(std::string_view piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += piece;
  return text;
}

// Returns the bar, `columns` wide, in steps of half a column.
std::string draw_bar(double share, int columns, bool colour) {
  const int halves = static_cast<int>(std::clamp(share, 0.0, 1.0) * 2 * columns + 0.5);
  std::string done = repeat("━", halves / 2) + (halves % 2 == 1 ? "╸" : "");
  const int left = columns - (halves + 1) / 2;
  if (!colour) return done + std::string(static_cast<std::size_t>(left), ' ');
  return std::string(kBarColour) + done + std::string(kRestColour) + repeat("━", left) +
         std::string(kPlain);
}

// The line on the screen, shared by the loop and the log sink.
class BarLine {
 public:
  explicit BarLine(std::ostream& out) : out_(out) {}
  void draw(std::string line) {
    const std::lock_guard lock(mutex_);
    line_ = std::move(line);
    out_ << kEraseLine << line_ << std::flush;
  }
  void end() {  // leaves the line on the screen
    const std::lock_guard lock(mutex_);
    if (!line_.empty()) out_ << '\n' << std::flush;
    line_.clear();
  }
  void erase() {
    const std::lock_guard lock(mutex_);
    if (!line_.empty()) out_ << kEraseLine << std::flush;
    line_.clear();
  }
  template <typename Write>
  void write_above(const Write& write) {
    const std::lock_guard lock(mutex_);
    if (!line_.empty()) out_ << kEraseLine << std::flush;
    write();
    if (!line_.empty()) out_ << line_ << std::flush;
  }

 private:
  std::ostream& out_;
  std::mutex mutex_;
  std::string line_;
};

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

struct Progress::State {
  std::string title;
  std::int64_t total = 0;
  ProgressOptions options;
  Clock::time_point started;
  Clock::time_point shown;
  std::shared_ptr<BarLine> bar;               // null if there is no terminal
  std::optional<log::Redirection> log_lines;  // above the bar
  bool colour = false;

  std::int64_t done = 0;
  std::string numbers;  // "loss 0.6121  38.4 examples/s"

  void begin_bar(std::ostream& out) {
    bar = std::make_shared<BarLine>(out);
    log_lines.emplace(log::Redirection::within(
        [bar = bar](const std::function<void()>& write) { bar->write_above(write); }));
  }

  void end_bar() {
    log_lines.reset();
    bar = nullptr;
  }

  [[nodiscard]] static std::string describe(std::span<const ProgressValue> values,
                                            double examples_per_second) {
    std::string text;
    for (const auto& value : values) {
      text.append("  ").append(value.name).append(" ").append(number(value.value));
    }
    if (examples_per_second > 0) {
      std::array<char, 48> rate{};
      std::snprintf(rate.data(), rate.size(), "  %.1f examples/s", examples_per_second);
      text += rate.data();
    }
    return text;
  }

  [[nodiscard]] std::string time_text(bool finished) const {
    const double elapsed = seconds_between(started, options.now());
    if (finished) return "  " + human_seconds(elapsed);
    const std::int64_t own = done - options.start;
    if (own <= 0 || done >= total) return "";
    return "  eta " +
           human_seconds(elapsed / static_cast<double>(own) * static_cast<double>(total - done));
  }

  [[nodiscard]] std::string count_text() const {
    return std::to_string(done) + "/" + std::to_string(total);
  }

  // Returns the whole line, never wider than the terminal: the bar shrinks first.
  [[nodiscard]] std::string bar_line(bool finished) const {
    const int width = (options.width > 0 ? options.width : terminal_width(STDERR_FILENO)) - 1;
    const std::string before = title + "  ";
    const std::string after = "  " + count_text() + numbers + time_text(finished);
    const int columns = std::min(30, width - display_width(before) - display_width(after));
    if (columns < 5) return cut_to_width(title + after, width);
    const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1.0;
    return before + draw_bar(share, columns, colour) + after;
  }

  void show(bool finished) {
    if (bar) {
      bar->draw(bar_line(finished));
    } else {
      log::info("{}  {}{}{}", title, count_text(), numbers, time_text(finished));
    }
    shown = options.now();
  }
};

Progress::Progress(std::string title, std::int64_t total, ProgressOptions options)
    : state_(std::make_unique<State>()) {
  state_->title = std::move(title);
  state_->total = total;
  state_->options = options;
  state_->done = options.start;
  state_->started = state_->shown = options.now();
  std::ostream* terminal = options.terminal;
  if (terminal == nullptr && is_terminal(STDERR_FILENO)) terminal = &std::cerr;
  if (terminal == nullptr) return;
  state_->colour = options.colour && wants_colour(STDERR_FILENO);
  state_->begin_bar(*terminal);
  state_->show(false);
}

Progress::~Progress() {
  if (state_->bar) state_->bar->erase();
  state_->end_bar();
}

void Progress::update(std::int64_t done, std::span<const ProgressValue> values,
                      double examples_per_second) {
  state_->done = done;
  state_->numbers = State::describe(values, examples_per_second);
  const double wait =
      state_->bar ? state_->options.redraw_every_seconds : state_->options.plain_every_seconds;
  const bool first = done == state_->options.start + 1;
  if (first || seconds_between(state_->shown, state_->options.now()) >= wait) state_->show(false);
}

void Progress::finish() {
  state_->show(true);
  if (state_->bar) state_->bar->end();
  state_->end_bar();
}

}  // namespace incipit::telemetry
