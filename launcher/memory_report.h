// What the ranks of a run used their memory for.
#pragma once

#include <filesystem>

#include "launcher/session.h"

namespace incipit::launcher {

// Rank 0 writes memory.json into the run directory: for every rank, in bytes, the weights it
// holds, the device's use now and at its peak, and what tensors in host memory were for
// (model/ledger.h). Collective.
void write_memory_report(const Session& session, const std::filesystem::path& run_dir);

}  // namespace incipit::launcher
