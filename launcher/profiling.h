// The profile of a training run (log.profile).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "core/phase.h"
#include "launcher/session.h"
#include "telemetry/profile.h"

namespace incipit::launcher {

// Records the phases of the steps of this thread while it exists.
class Profiling {
 public:
  explicit Profiling(const Session& session);

  // Call when the host has read the numbers of a step, in order.
  void on_step(std::int64_t step);

  // Writes RUN/profile/; prints the phases if `prints`. Throws DataError if the files cannot be
  // written.
  void finish(const std::filesystem::path& run_dir, bool prints);

 private:
  const model::Backbone& backbone_;
  telemetry::Profile profile_;
  PhaseRecorder recorder_;
};

// Returns null except on rank 0 of a run with log.profile. Measures the device's matmul rate.
[[nodiscard]] std::unique_ptr<Profiling> start_profiling(const Session& session);

}  // namespace incipit::launcher
