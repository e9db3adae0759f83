// What a profile of a run says: the time of each phase of a step, the FLOPs of its matmuls, and a
// trace of some steps.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/phase.h"
#include "telemetry/output.h"

namespace incipit::telemetry {

struct ProfileOptions {
  std::string device;       // "NVIDIA H100", for the heading
  double device_flops = 0;  // FLOP/s of large matmuls on the device; 0: not measured
  // Whether the host runs ahead of the device, so that their times differ.
  bool runs_ahead = false;
};

class Profile {
 public:
  explicit Profile(ProfileOptions options) : options_(std::move(options)) {}

  // What is added to the printed table and to the file about passes that a GPU repeated.
  struct Graphs {
    std::int64_t passes = 0;
    std::int64_t replayed = 0;
    std::int64_t captured = 0;
    std::string text;
  };
  void set_graphs(Graphs graphs) { graphs_ = std::move(graphs); }

  // Adds the phases of a step in the order of their begin, the step first (PhaseRecorder). The
  // first step is only in the trace, since much of it is done once, if there are others.
  void add(std::int64_t step, std::span<const PhaseSpan> phases);

  // A phase: means over the steps.
  struct Row {
    std::string name;
    int depth = 0;
    double seconds = 0;  // on the device
    double host_seconds = 0;
    double flops = 0;
    double calls = 0;
  };
  // In the order of a step. Phases of one name within the same phase are one row.
  [[nodiscard]] std::vector<Row> rows() const;

  // Prints the rows: milliseconds, share of the step, FLOPs, their rate, and its share of
  // device_flops.
  void print(std::ostream& out, const Style& style) const;

  // Writes FOLDER/phases.json, the rows with the options, and FOLDER/trace.json: the first steps in
  // Chrome's trace event format, for chrome://tracing and ui.perfetto.dev. Makes the folder. Throws
  // DataError if they cannot be written.
  void write(const std::filesystem::path& folder) const;

 private:
  // Sums over the steps, as a tree.
  struct Sum {
    Row row;
    std::vector<std::size_t> children;  // indices into sums_
  };
  void add_to_sums(std::span<const PhaseSpan> phases);
  void append_rows(std::size_t sum, std::vector<Row>& rows) const;

  struct Traced {
    std::int64_t step = 0;
    std::vector<PhaseSpan> phases;
  };
  ProfileOptions options_;
  std::optional<Graphs> graphs_;
  std::vector<Sum> sums_{{.row = {.name = "run", .depth = -1}, .children = {}}};  // [0]: the root
  std::int64_t added_ = 0;                                                        // steps
  std::int64_t summed_ = 0;                                                       // steps in sums_
  std::vector<Traced> traced_;
};

}  // namespace incipit::telemetry
