// Synchronisation for the threads backend: ranks post their data, wait for each other, read the
// posts of the others, and wait again before any rank's memory may change.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "comm/activity.h"

namespace incipit::comm {

// State that all groups of one run_on_threads() share. All of it is guarded by `mutex`.
struct ThreadWorld {
  explicit ThreadWorld(int size) : ended(static_cast<std::size_t>(size), false) {}
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<bool> ended;             // by world rank
  std::optional<std::string> failure;  // "rank 2 failed: ..."
};

// Contribution of one rank to a collective.
struct Post {
  const void* data = nullptr;
  std::size_t bytes = 0;
  int detail = 0;  // root or reduction; like `bytes`, must be equal on all ranks
  Collective call;
};

class ThreadGroup {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  // members[r] is the world rank of rank r of this group.
  ThreadGroup(ThreadWorld& world, std::vector<int> members);

  // Posts `mine` and waits for the other ranks. After that post() may be called until leave().
  // Returns an error message, or nothing on success.
  [[nodiscard]] std::optional<std::string> meet(int rank, const Post& mine, Deadline deadline);
  [[nodiscard]] const Post& post(int rank) const { return posts_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] std::optional<std::string> leave(int rank, Deadline deadline);

  void send(int from, int to, int tag, std::vector<std::byte> bytes);
  [[nodiscard]] std::optional<std::string> receive(int from, int to, int tag, Deadline deadline,
                                                   std::vector<std::byte>& bytes);

  [[nodiscard]] int size() const { return static_cast<int>(members_.size()); }
  [[nodiscard]] int world_rank(int rank) const { return members_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] ThreadWorld& world() const { return world_; }

 private:
  std::optional<std::string> wait_for_all(int rank, Deadline deadline,
                                          std::unique_lock<std::mutex>& lock);
  // Returns "rank 1 has ended", or nothing.
  [[nodiscard]] std::optional<std::string> find_ended() const;

  ThreadWorld& world_;
  const std::vector<int> members_;
  std::vector<Post> posts_;
  std::vector<bool> arrived_;
  std::uint64_t meetings_ = 0;
  std::map<std::tuple<int, int, int>, std::deque<std::vector<std::byte>>> mail_;
};

}  // namespace incipit::comm
