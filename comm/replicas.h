// A guard against replicas that drift apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.h"

namespace incipit::comm {

// A fingerprint of bytes (FNV-1a over 64-bit words). Not for security.
[[nodiscard]] std::uint64_t checksum(std::span<const std::byte> bytes);

struct Replica {
  std::string name;                  // "prompt", "optimizer"
  std::span<const std::byte> bytes;  // host memory
};

// Collective. `replicas` joins the ranks that must hold the same bytes: the world for a
// replicated prompt, mesh.batch() for what is split by stage or head. When they do not,
// throws CommError naming what differs and on which world ranks: those that differ from
// most, or, without a majority, from the lowest.
void check_replicas(Communicator& replicas, std::span<const Replica> mine);

}  // namespace incipit::comm
