#include "comm/neighbours.h"

#include <algorithm>
#include <utility>

namespace incipit::comm {
namespace {

constexpr int kNeighbourTag = 0;
constexpr Operation kConnection = "connection of pipeline stages";

}  // namespace

// Rank e and rank e + 1 share edge e. A rank has at most one edge with an even number and one with
// an odd number, so two communicators for each direction give every edge its own.
Neighbours::Neighbours(Communicator& ranks) : is_even_(ranks.rank() % 2 == 0) {
  const int rank = ranks.rank();
  const int edges = ranks.size() - 1;
  for (const bool forward : {true, false}) {
    for (int parity = 0; parity < std::min(2, edges); ++parity) {
      const bool is_first = rank % 2 == parity;  // of the two ranks of the edge
      const int edge = is_first ? rank : rank - 1;
      Channel channel{&ranks, is_first ? rank + 1 : rank - 1};
      if (ranks.enqueues()) {
        owned_.push_back(
            ranks.split(edge + 1, rank, ranks.name() + (forward ? " forward" : " backward")));
        channel = {owned_.back().get(), is_first ? 1 : 0};
      }
      if (edge < 0 || edge >= edges) continue;  // at an end of the line
      (forward ? (is_first ? to_next_ : from_previous_) : (is_first ? from_next_ : to_previous_)) =
          channel;
    }
  }
}

void Neighbours::connect(const std::function<std::span<std::byte>()>& memory) const {
  if (!are_separate() || std::exchange(*is_connected_, true)) return;
  const std::span<std::byte> bytes = memory();
  const auto send = [&](const Channel& to) {
    if (to.ranks != nullptr) to.ranks->send(bytes, to.peer, kNeighbourTag, kConnection);
  };
  const auto recv = [&](const Channel& from) {
    if (from.ranks != nullptr) from.ranks->recv(bytes, from.peer, kNeighbourTag, kConnection);
  };
  // Edges with even numbers first.
  for (const bool even : {true, false}) even == is_even_ ? send(to_next_) : recv(from_previous_);
  for (const bool even : {true, false}) even == is_even_ ? recv(from_next_) : send(to_previous_);
}

}  // namespace incipit::comm
