// Transfers between neighbouring ranks of a communicator, such as the stages of a pipeline.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "comm/communicator.h"

namespace incipit::comm {

// This rank's end of the transfers with a neighbour in one direction.
struct Channel {
  Communicator* ranks = nullptr;  // null: there is no such neighbour
  int peer = -1;                  // the neighbour's rank in it
};

// Cheap to copy; copies share the channels.
class Neighbours {
 public:
  // Of a rank that has none.
  Neighbours() = default;
  // Where operations are enqueued, each channel gets its own communicator, so that a transfer waits
  // for none in another channel. Elsewhere all channels are `ranks`, which must outlive the object.
  // Collective.
  explicit Neighbours(Communicator& ranks);

  [[nodiscard]] const Channel& to_next() const { return to_next_; }
  [[nodiscard]] const Channel& from_previous() const { return from_previous_; }
  [[nodiscard]] const Channel& to_previous() const { return to_previous_; }
  [[nodiscard]] const Channel& from_next() const { return from_next_; }
  // Whether the channels have their own communicators.
  [[nodiscard]] bool are_separate() const { return !owned_.empty(); }

  // Transfers `memory()`, a few bytes of the device, through every channel: NCCL connects two ranks
  // in their first transfer, and until then the host waits. Does nothing from the second call on,
  // or where channels are not separate. Collective.
  void connect(const std::function<std::span<std::byte>()>& memory) const;

 private:
  Channel to_next_, from_previous_, to_previous_, from_next_;
  bool is_even_ = true;  // the rank
  std::vector<std::shared_ptr<Communicator>> owned_;
  std::shared_ptr<bool> is_connected_ = std::make_shared<bool>(false);
};

}  // namespace incipit::comm
