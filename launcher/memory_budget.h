// Checks whether a model fits in memory, before any of its weights are read.
#pragma once

#include <string>

#include "comm/communicator.h"
#include "comm/mesh_options.h"
#include "configs/run_config.h"
#include "model/spec.h"

namespace incipit::launcher {

// Throws ConfigError when a rank's weights alone exceed the memory of its machine or GPU. The
// message gives the reason and the nearest mesh that fits. Every rank throws the same. Collective.
void require_memory(comm::Communicator& world, const comm::LocalRank& local,
                    const model::ModelSpec& config, const comm::MeshShape& shape,
                    const model::ModelOptions& options);

// Returns the bytes available to a rank: its share of the machine's memory, or its GPU's. Infinite
// if unknown.
[[nodiscard]] double memory_of_rank(const comm::LocalRank& local, model::Device device);

// Returns the message of require_memory() for ranks with `budget` bytes of memory each. Empty: they
// fit.
[[nodiscard]] std::string memory_objection(const model::ModelSpec& config,
                                           const comm::MeshShape& shape, int number_bytes,
                                           double budget);

}  // namespace incipit::launcher
