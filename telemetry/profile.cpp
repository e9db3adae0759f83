#include "telemetry/profile.h"

#include <nlohmann/json.hpp>
#include <ostream>

#include "core/files.h"
#include "core/json.h"

namespace incipit::telemetry {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kTracedSteps = 8;
constexpr double kMilli = 1e3;
constexpr double kMicro = 1e6;

enum Thread : int { kHost = 0, kDevice = 1 };

Json thread_name(Thread thread, const std::string& name) {
  return {{"name", "thread_name"},
          {"ph", "M"},
          {"pid", 0},
          {"tid", static_cast<int>(thread)},
          {"args", {{"name", name}}}};
}

// A complete event ("X") of Chrome's trace event format; times in microseconds.
Json event(const PhaseSpan& phase, Thread thread, std::int64_t step) {
  const double begin = thread == kHost ? phase.host_begin : phase.device_begin;
  const double seconds = thread == kHost ? phase.host_seconds() : phase.device_seconds();
  return {{"name", phase.name},
          {"ph", "X"},
          {"pid", 0},
          {"tid", static_cast<int>(thread)},
          {"ts", kMicro * begin},
          {"dur", kMicro * seconds},
          {"args", {{"step", step}, {"gflop", phase.flops / 1e9}}}};
}

std::string percent(double share) { return fixed(100 * share, 1); }

}  // namespace

void Profile::add(std::int64_t step, std::span<const PhaseSpan> phases) {
  if (phases.empty()) return;
  if (traced_.size() < kTracedSteps) {
    traced_.push_back({step, std::vector<PhaseSpan>(phases.begin(), phases.end())});
  }
  if (++added_ == 2) {
    sums_.resize(1);
    sums_.front().children.clear();
    summed_ = 0;
  }
  add_to_sums(phases);
  ++summed_;
}

void Profile::add_to_sums(std::span<const PhaseSpan> phases) {
  std::vector<std::size_t> path{0};  // indices into sums_ of the phases around the current one
  for (const PhaseSpan& phase : phases) {
    path.resize(static_cast<std::size_t>(phase.depth) + 1);
    std::size_t found = 0;
    for (const std::size_t child : sums_[path.back()].children) {
      if (sums_[child].row.name == phase.name) found = child;
    }
    if (found == 0) {
      found = sums_.size();
      sums_[path.back()].children.push_back(found);
      sums_.push_back({.row = {.name = phase.name, .depth = phase.depth}, .children = {}});
    }
    Row& row = sums_[found].row;
    row.seconds += phase.device_seconds();
    row.host_seconds += phase.host_seconds();
    row.flops += phase.flops;
    row.calls += 1;
    path.push_back(found);
  }
}

void Profile::append_rows(std::size_t sum, std::vector<Row>& rows) const {
  for (const std::size_t child : sums_[sum].children) {
    Row& row = rows.emplace_back(sums_[child].row);
    for (double* const value : {&row.seconds, &row.host_seconds, &row.flops, &row.calls}) {
      *value /= static_cast<double>(summed_);
    }
    append_rows(child, rows);
  }
}

std::vector<Profile::Row> Profile::rows() const {
  std::vector<Row> rows;
  append_rows(0, rows);
  return rows;
}

void Profile::print(std::ostream& out, const Style& style) const {
  const std::vector<Row> all = rows();
  if (all.empty()) return;
  out << style.bold("profile") << ": means of " << grouped(summed_)
      << (summed_ == 1 ? " step on " : " steps on ") << options_.device;
  if (options_.device_flops > 0) {
    out << ", which reaches " << fixed(options_.device_flops / 1e12, 3)
        << " TFLOP/s in large matmuls";
  }
  out << '\n';
  std::vector<std::string> header{"phase", "ms", "% of step", "calls", "GFLOP", "TFLOP/s"};
  if (options_.device_flops > 0) header.emplace_back("% of rate");
  if (options_.runs_ahead) header.emplace_back("host ms");
  Table table(header);
  for (const Row& row : all) {
    const bool multiplies = row.flops > 0 && row.seconds > 0;
    const double rate = multiplies ? row.flops / row.seconds : 0;
    std::vector<std::string> cells{
        std::string(2 * static_cast<std::size_t>(row.depth), ' ') + row.name,
        fixed(kMilli * row.seconds, 2),
        percent(all.front().seconds > 0 ? row.seconds / all.front().seconds : 0),
        fixed(row.calls, 0),
        multiplies ? fixed(row.flops / 1e9, 2) : "",
        multiplies ? fixed(rate / 1e12, 3) : ""};
    if (options_.device_flops > 0) {
      cells.push_back(multiplies ? percent(rate / options_.device_flops) : "");
    }
    if (options_.runs_ahead) cells.push_back(fixed(kMilli * row.host_seconds, 2));
    table.add(std::move(cells));
  }
  table.print(out, style);
  if (graphs_) out << graphs_->text << '\n';
}

void Profile::write(const std::filesystem::path& folder) const {
  Json phases{{"device", options_.device},
              {"device_flops", options_.device_flops},
              {"steps", summed_},
              {"phases", Json::array()}};
  for (const Row& row : rows()) {
    phases["phases"].push_back({{"name", row.name},
                                {"depth", row.depth},
                                {"seconds", row.seconds},
                                {"host_seconds", row.host_seconds},
                                {"flops", row.flops},
                                {"calls", row.calls}});
  }
  if (graphs_) {
    phases["graphs"] = {{"passes", graphs_->passes},
                        {"replayed", graphs_->replayed},
                        {"captured", graphs_->captured}};
  }
  Json events{thread_name(kHost, "host")};
  if (options_.runs_ahead) events.push_back(thread_name(kDevice, options_.device));
  for (const Traced& traced : traced_) {
    for (const PhaseSpan& phase : traced.phases) {
      events.push_back(event(phase, kHost, traced.step));
      if (options_.runs_ahead) events.push_back(event(phase, kDevice, traced.step));
    }
  }
  const Json trace{{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}};
  write_atomically(folder / "phases.json", dump_json(phases, 1) + "\n");
  write_atomically(folder / "trace.json", dump_json(trace));
}

}  // namespace incipit::telemetry
