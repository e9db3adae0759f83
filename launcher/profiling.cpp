#include "launcher/profiling.h"

#include <iostream>
#include <string>
#include <vector>

#include "launcher/run_exporter.h"
#include "launcher/system_info.h"
#include "model/pass_graphs.h"
#include "nn/device_clock.h"
#include "nn/flops.h"
#include "nn/host_copy.h"
#include "telemetry/output.h"

namespace incipit::launcher {
namespace {

std::string device_text(c10::Device device) {
  if (device.is_cpu()) return processor_name();
  const std::vector<std::string> gpus = gpu_info().devices;
  const auto index = static_cast<std::size_t>(device.index());
  return index < gpus.size() ? gpus[index] : device.str();
}

}  // namespace

Profiling::Profiling(const Session& session)
    : backbone_(*session.backbone),
      profile_({.device = device_text(session.backbone->device()),
                .device_flops = peak_flops(session),
                .runs_ahead = nn::runs_ahead_of(session.backbone->device())}),
      recorder_(nn::counted_flops, nn::make_device_clock(session.backbone->device())) {}

void Profiling::on_step(std::int64_t step) { profile_.add(step, recorder_.take_oldest()); }

void Profiling::finish(const std::filesystem::path& run_dir, bool prints) {
  if (const model::PassGraphs* const graphs = backbone_.graphs()) {
    const model::GraphCounts& counts = graphs->counts();
    profile_.set_graphs({counts.passes(), counts.replayed, counts.captured, counts.text()});
  }
  profile_.write(run_dir / "profile");
  if (prints) profile_.print(std::cout, telemetry::Style::of_stdout());
}

std::unique_ptr<Profiling> start_profiling(const Session& session) {
  if (!session.config.log.profile || !session.is_rank_zero()) return nullptr;
  return std::make_unique<Profiling>(session);
}

}  // namespace incipit::launcher
