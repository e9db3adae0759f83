#include "launcher/memory_report.h"

#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "model/device_memory.h"
#include "nn/ledger.h"

namespace incipit::launcher {
namespace {

using Json = nlohmann::ordered_json;

Json in_bytes(const MemoryUse& use) {
  return {{"bytes", static_cast<std::int64_t>(use.bytes)},
          {"peak_bytes", static_cast<std::int64_t>(use.peak_bytes)}};
}

// A rank's report to rank 0. Its size is fixed, so that one gather suffices.
struct RankMemory {
  std::int64_t weight_bytes = 0;
  MemoryUse device;
  nn::LedgerSnapshot tensors;
};

Json description(const RankMemory& memory) {
  Json tensors = {{"all", in_bytes(memory.tensors.total)}};
  for (std::size_t kind = 0; kind < nn::kMemoryKinds.size(); ++kind) {
    tensors[std::string(nn::kMemoryKinds[kind])] = in_bytes(memory.tensors.kinds[kind]);
  }
  return {{"weight_bytes", memory.weight_bytes},
          {"device", in_bytes(memory.device)},
          {"host_tensors", tensors}};
}

}  // namespace

void write_memory_report(const Session& session, const std::filesystem::path& run_dir) {
  const RankMemory mine{.weight_bytes = session.backbone->weight_bytes(),
                        .device = model::device_memory(session.backbone->device()),
                        .tensors = nn::ledger_snapshot()};
  const auto all = session.world().all_gather(mine, "memory report");
  if (!session.is_rank_zero()) return;
  Json ranks = Json::array();
  for (const RankMemory& memory : all) ranks.push_back(description(memory));
  write_atomically(
      run_dir / "memory.json",
      dump_json(Json{{"device", session.backbone->device().str()}, {"ranks", ranks}}, 2) + "\n");
  log::debug(
      "memory of rank 0: {} of weights, {} of activations at their peak, {} on {} at its peak",
      human_bytes(static_cast<double>(mine.weight_bytes)),
      human_bytes(mine.tensors.of(nn::MemoryKind::kActivations).peak_bytes),
      human_bytes(mine.device.peak_bytes), session.backbone->device().str());
}

}  // namespace incipit::launcher
