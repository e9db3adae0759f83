// Whether a model fits where it is to be loaded, asked before any of its bytes is read.
#pragma once

#include <string>

#include "comm/communicator.h"
#include "comm/mesh_options.h"
#include "configs/run_config.h"
#include "model/config.h"

namespace incipit::launcher {

// Throws ConfigError where the weights alone exceed what a rank's machine or GPU can hold: with the
// reason, and the nearest mesh that has room. Collective; every rank throws the same.
void require_room(comm::Communicator& world, const comm::LocalRank& local,
                  const model::TransformerConfig& config, const comm::MeshShape& shape,
                  const configs::ModelOptions& options);

// Bytes that a rank's machine (its share of it) or GPU can hold; infinite where nobody says.
[[nodiscard]] double memory_of_rank(const comm::LocalRank& local, configs::Device device);

// What require_room() says of ranks that can hold `room` bytes each; empty: they fit.
[[nodiscard]] std::string objection_to_room(const model::TransformerConfig& config,
                                            const comm::MeshShape& shape, int number_bytes,
                                            double room);

}  // namespace incipit::launcher
