// Finds the ranks that have not reached a collective, without a shared file system.
//
// A rank that has waited for a while in a collective of the world sends a message to ranks 0 and 1,
// and repeats it at growing intervals. From the messages these two know which ranks have not
// arrived. Two ranks, for the case that one of them is the rank that hangs.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace incipit::comm {

class RollCall {
 public:
  // A rank waits for `first` before its first message.
  RollCall(int rank, int size, std::chrono::milliseconds first);
  ~RollCall();
  RollCall(const RollCall&) = delete;
  RollCall& operator=(const RollCall&) = delete;

  // Waits until all ranks are in MPI_COMM_WORLD and exchanges their names. Has no deadline. Throws
  // CommError. Main thread only. Collective.
  void meet();
  // Begins and ends the wait of this rank in a collective. Every rank begins the same collectives
  // in the same order. Main thread only.
  void begin();
  void end();
  // Sends and receives messages. Call it repeatedly during the wait. Main thread only.
  void poll();

  // Returns "rank 3 (host, process 17) has not arrived", or "" if no rank is known to be absent.
  // Any thread.
  [[nodiscard]] std::string absent() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Message;
  struct Outgoing;
  struct Heard {
    std::int64_t turn = 0;
    Clock::time_point silent_from{};  // when the rank should have repeated its message
  };

  template <typename Start>
  void wait_for(Start&& start);
  void send();
  void receive();

  const int rank_;
  const int size_;
  const std::chrono::milliseconds first_;
  std::vector<std::unique_ptr<Outgoing>> outgoing_;  // to ranks 0 and 1, except this rank
  std::chrono::milliseconds gap_{0};                 // between the last message and the next
  Clock::time_point next_message_{};
  Clock::time_point next_receive_{};
  mutable std::mutex mutex_;  // of what follows
  std::int64_t turn_ = 0;
  Clock::time_point waits_since_{};
  bool waits_ = false;
  std::vector<Heard> heard_;
  std::vector<std::string> names_;
};

}  // namespace incipit::comm
