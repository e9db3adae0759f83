// Checks that replicas do not diverge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.h"

namespace incipit::comm {

// Returns a checksum of bytes (FNV-1a over 64-bit words). Not for security.
[[nodiscard]] std::uint64_t checksum(std::span<const std::byte> bytes);

struct Replica {
  std::string name;                  // "prompt", "optimizer"
  std::span<const std::byte> bytes;  // host memory
};

// Checks that all ranks of `replicas` have the same bytes. Pass the world for a replicated prompt,
// mesh.batch() for parameters split by stage or head. If they differ, throws CommError with the
// name of the replica and the world ranks that differ from most, or without a majority from the
// lowest rank. Collective.
void check_replicas(Communicator& replicas, std::span<const Replica> mine);

}  // namespace incipit::comm
