#include "comm/thread_group.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/check.h"

namespace incipit::comm {
namespace {

std::string describe(const Post& post) {
  return post.call.describe() + " with " + std::to_string(post.bytes) + " bytes";
}

bool agree(const Post& a, const Post& b) {
  return a.bytes == b.bytes && a.detail == b.detail &&
         std::string_view(a.call.kind) == b.call.kind &&
         std::string_view(a.call.purpose.name()) == b.call.purpose.name();
}

}  // namespace

ThreadGroup::ThreadGroup(ThreadWorld& world, std::vector<int> members)
    : world_(world),
      members_(std::move(members)),
      posts_(members_.size()),
      arrived_(members_.size(), false) {}

std::optional<std::string> ThreadGroup::meet(int rank, const Post& mine, Deadline deadline) {
  std::unique_lock lock(world_.mutex);
  posts_[static_cast<std::size_t>(rank)] = mine;
  if (auto error = wait_for_all(rank, deadline, lock)) return error;
  for (int r = 0; r < size(); ++r) {
    if (agree(post(r), mine)) continue;
    return "rank " + std::to_string(world_rank(r)) + " is in " + describe(post(r)) +
           ", this one in " + describe(mine);
  }
  return std::nullopt;
}

std::optional<std::string> ThreadGroup::leave(int rank, Deadline deadline) {
  std::unique_lock lock(world_.mutex);
  return wait_for_all(rank, deadline, lock);
}

std::optional<std::string> ThreadGroup::find_ended() const {
  for (std::size_t r = 0; r < members_.size(); ++r) {
    const auto member = static_cast<std::size_t>(members_[r]);
    if (!arrived_[r] && world_.ended[member]) {
      return "rank " + std::to_string(member) + " has ended";
    }
  }
  return std::nullopt;
}

std::optional<std::string> ThreadGroup::wait_for_all(int rank, Deadline deadline,
                                                     std::unique_lock<std::mutex>& lock) {
  arrived_[static_cast<std::size_t>(rank)] = true;
  if (std::all_of(arrived_.begin(), arrived_.end(), [](bool here) { return here; })) {
    std::fill(arrived_.begin(), arrived_.end(), false);
    ++meetings_;
    world_.changed.notify_all();
    return std::nullopt;
  }
  const std::uint64_t mine = meetings_;
  std::optional<std::string> error;
  const bool woken = world_.changed.wait_until(lock, deadline, [&] {
    if (meetings_ != mine) return true;
    error = world_.failure ? world_.failure : find_ended();
    return error.has_value();
  });
  if (error || woken) return error;
  std::string missing;
  for (std::size_t r = 0; r < arrived_.size(); ++r) {
    if (!arrived_[r]) missing += (missing.empty() ? "" : ", ") + std::to_string(members_[r]);
  }
  return "timed out; still missing: rank " + missing;
}

void ThreadGroup::send(int from, int to, int tag, std::vector<std::byte> bytes) {
  const std::lock_guard lock(world_.mutex);
  mail_[{from, to, tag}].push_back(std::move(bytes));
  world_.changed.notify_all();
}

std::optional<std::string> ThreadGroup::receive(int from, int to, int tag, Deadline deadline,
                                                std::vector<std::byte>& bytes) {
  std::unique_lock lock(world_.mutex);
  auto& box = mail_[{from, to, tag}];
  std::optional<std::string> error;
  const bool woken = world_.changed.wait_until(lock, deadline, [&] {
    if (!box.empty()) return true;
    const auto sender = static_cast<std::size_t>(world_rank(from));
    if (world_.failure) {
      error = world_.failure;
    } else if (world_.ended[sender]) {
      error = "rank " + std::to_string(sender) + " has ended";
    }
    return error.has_value();
  });
  if (!woken) return "timed out; rank " + std::to_string(world_rank(from)) + " sent nothing";
  if (error) return error;
  bytes = std::move(box.front());
  box.pop_front();
  return std::nullopt;
}

}  // namespace incipit::comm
