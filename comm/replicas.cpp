#include "comm/replicas.h"

#include <cstring>
#include <map>

#include "core/check.h"
#include "core/error.h"
#include "core/text.h"

namespace incipit::comm {
namespace {

// Returns the indices of the values that differ from the most frequent one; on a tie, from the
// first of them.
std::vector<std::size_t> outliers(std::span<const std::uint64_t> values) {
  std::map<std::uint64_t, int> votes;
  for (const std::uint64_t value : values) ++votes[value];
  std::uint64_t usual = values.front();
  for (const std::uint64_t value : values) {
    if (votes[value] > votes[usual]) usual = value;
  }
  std::vector<std::size_t> different;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] != usual) different.push_back(i);
  }
  return different;
}

}  // namespace

std::uint64_t checksum(std::span<const std::byte> bytes) {
  constexpr std::uint64_t kPrime = 0x100000001b3ULL;
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ bytes.size();
  std::uint64_t word = 0;
  while (bytes.size() >= sizeof(word)) {
    std::memcpy(&word, bytes.data(), sizeof(word));
    hash = (hash ^ word) * kPrime;
    hash ^= hash >> 29;  // multiplication never carries a high bit into a low one
    bytes = bytes.subspan(sizeof(word));
  }
  word = 0;
  if (!bytes.empty()) std::memcpy(&word, bytes.data(), bytes.size());
  return (hash ^ word) * kPrime;
}

void check_replicas(Communicator& replicas, std::span<const Replica> mine) {
  const std::size_t entries = mine.size();
  std::vector<std::uint64_t> sums(entries);
  for (std::size_t i = 0; i < entries; ++i) sums[i] = checksum(mine[i].bytes);
  std::vector<std::uint64_t> all(entries * static_cast<std::size_t>(replicas.size()));
  replicas.all_gather(std::as_bytes(std::span<const std::uint64_t>(sums)),
                      std::as_writable_bytes(std::span(all)), "replica checksums");
  const std::vector<int> world_ranks =
      replicas.all_gather(replicas.context().world_rank, "replica checksums");

  for (std::size_t i = 0; i < entries; ++i) {
    std::vector<std::uint64_t> of_entry;
    for (std::size_t r = 0; r < world_ranks.size(); ++r) of_entry.push_back(all[r * entries + i]);
    const auto different = outliers(of_entry);
    if (different.empty()) continue;
    std::vector<std::string> names;
    for (const std::size_t r : different) names.push_back(std::to_string(world_ranks[r]));
    throw CommError(replicas.context().world_rank, "replica checksums",
                    "the copies of '" + mine[i].name + "' have drifted apart: rank " + join(names) +
                        " differs from the others; resume from the last " +
                        "checkpoint and check that rank's machine");
  }
}

}  // namespace incipit::comm
