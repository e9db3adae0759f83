// Memory use of the ranks of a run.
#pragma once

#include <filesystem>

#include "launcher/session.h"

namespace incipit::launcher {

// Rank 0 writes memory.json to the run directory. For every rank, in bytes: its weights, current
// and peak device memory, and host tensor memory by purpose (model/ledger.h). Collective.
void write_memory_report(const Session& session, const std::filesystem::path& run_dir);

}  // namespace incipit::launcher
