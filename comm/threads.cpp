#include "comm/threads.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <thread>
#include <utility>

#include "comm/thread_group.h"
#include "core/check.h"

namespace incipit::comm {
namespace {

template <typename T>
T combine(T a, T b, Reduction how) {
  switch (how) {
    case Reduction::kSum:
      return a + b;
    case Reduction::kMax:
      return std::max(a, b);
    case Reduction::kMin:
      return std::min(a, b);
  }
  return a;
}

// Returns the message of the exception being handled.
std::string message_of_current() {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown exception";
  }
}

class ThreadsCommunicator final : public Communicator {
 public:
  ThreadsCommunicator(int rank, std::shared_ptr<ThreadGroup> group, std::string name,
                      std::shared_ptr<CommContext> context)
      : Communicator(rank, group->size(), std::move(name), std::move(context)),
        group_(std::move(group)) {}
  [[nodiscard]] std::string_view backend() const noexcept override { return "threads"; }

 private:
  using Communicator::do_all_reduce;

  // Posts this rank's data, calls `read` on all posts, and waits until all ranks have read them.
  template <typename Read>
  void exchange(const void* data, std::size_t bytes, int detail, const Collective& call,
                Read&& read) {
    const Deadline until = deadline();
    const Post mine{data, bytes, detail, call};
    if (const auto error = group_->meet(rank(), mine, until)) fail(call, *error);
    read();
    if (const auto error = group_->leave(rank(), until)) fail(call, *error);
  }

  // Every rank reduces in the order of ranks, so that results are bit-identical.
  template <typename T>
  std::vector<T> reduced(std::size_t begin, std::size_t count, Reduction how) const {
    std::vector<T> result(count);
    for (int r = 0; r < size(); ++r) {
      const T* theirs = static_cast<const T*>(group_->post(r).data) + begin;
      for (std::size_t i = 0; i < count; ++i) {
        result[i] = r == 0 ? theirs[i] : combine(result[i], theirs[i], how);
      }
    }
    return result;
  }

  template <typename T>
  void reduce_all(Elements values, Reduction how, const Collective& call) {
    std::vector<T> result;
    exchange(values.data, values.count * sizeof(T), static_cast<int>(how), call,
             [&] { result = reduced<T>(0, values.count, how); });
    std::copy(result.begin(), result.end(), static_cast<T*>(values.data));
  }

  void do_all_reduce(Elements values, Reduction how, const Collective& call) override {
    switch (values.type) {
      case ElementType::kFloat:
        return reduce_all<float>(values, how, call);
      case ElementType::kDouble:
        return reduce_all<double>(values, how, call);
      case ElementType::kInt64:
        return reduce_all<std::int64_t>(values, how, call);
    }
  }

  void do_broadcast(std::span<std::byte> bytes, int root, const Collective& call) override {
    exchange(bytes.data(), bytes.size(), root, call, [&] {
      if (rank() != root && !bytes.empty()) {
        std::memcpy(bytes.data(), group_->post(root).data, bytes.size());
      }
    });
  }

  void do_all_gather(std::span<const std::byte> mine, std::span<std::byte> all,
                     const Collective& call) override {
    exchange(mine.data(), mine.size(), 0, call, [&] {
      for (int r = 0; r < size() && !mine.empty(); ++r) {
        std::memcpy(all.data() + static_cast<std::size_t>(r) * mine.size(), group_->post(r).data,
                    mine.size());
      }
    });
  }

  void do_reduce_scatter(std::span<const float> all, std::span<float> mine,
                         const Collective& call) override {
    exchange(all.data(), all.size_bytes(), 0, call, [&] {
      const auto sum = reduced<float>(static_cast<std::size_t>(rank()) * mine.size(), mine.size(),
                                      Reduction::kSum);
      std::copy(sum.begin(), sum.end(), mine.begin());
    });
  }

  void do_barrier(const Collective& call) override {
    exchange(nullptr, 0, 0, call, [] {});
  }

  std::unique_ptr<Communicator> do_split(int color, int key, std::string name,
                                         const Collective& call) override {
    struct Wish {
      int color, key, rank;
    };
    const Wish mine{color, key, rank()};
    std::vector<Wish> wishes(static_cast<std::size_t>(size()));
    do_all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(wishes)),
                  call);
    std::erase_if(wishes, [&](const Wish& wish) { return wish.color != color; });
    std::sort(wishes.begin(), wishes.end(), [](const Wish& a, const Wish& b) {
      return std::pair(a.key, a.rank) < std::pair(b.key, b.rank);
    });
    // The first member creates the group; the others copy its pointer.
    std::shared_ptr<ThreadGroup> group;
    int new_rank = 0;
    std::vector<int> members;
    for (std::size_t i = 0; i < wishes.size(); ++i) {
      members.push_back(group_->world_rank(wishes[i].rank));
      if (wishes[i].rank == rank()) new_rank = static_cast<int>(i);
    }
    const int maker = wishes.front().rank;
    if (maker == rank()) group = std::make_shared<ThreadGroup>(group_->world(), members);
    std::shared_ptr<ThreadGroup> joined;
    exchange(&group, sizeof(group), 0, call, [&] {
      joined = *static_cast<const std::shared_ptr<ThreadGroup>*>(group_->post(maker).data);
    });
    return std::make_unique<ThreadsCommunicator>(new_rank, std::move(joined), std::move(name),
                                                 shared_context());
  }

  void do_send(std::span<const std::byte> bytes, int to, int tag, const Collective&) override {
    group_->send(rank(), to, tag, {bytes.begin(), bytes.end()});
  }

  void do_recv(std::span<std::byte> bytes, int from, int tag, const Collective& call) override {
    std::vector<std::byte> received;
    if (const auto error = group_->receive(from, rank(), tag, deadline(), received)) {
      fail(call, *error);
    }
    if (received.size() != bytes.size()) {
      fail(call, "rank " + std::to_string(from) + " sent " + std::to_string(received.size()) +
                     " bytes, expected " + std::to_string(bytes.size()));
    }
    std::copy(received.begin(), received.end(), bytes.begin());
  }

  // Messages are buffered, so sending never blocks.
  void do_exchange(std::span<const std::byte> to_peer, std::span<std::byte> from_peer, int peer,
                   int tag, const Collective& call) override {
    do_send(to_peer, peer, tag, call);
    do_recv(from_peer, peer, tag, call);
  }

  LocalRank do_local_rank(const Collective&) override { return {rank(), size()}; }

  std::shared_ptr<ThreadGroup> group_;
};

}  // namespace

void run_on_threads(int size, const std::function<void(Communicator&)>& body,
                    const ThreadsOptions& options) {
  INCIPIT_CHECK(size > 0);
  ThreadWorld world(size);
  std::vector<int> members(static_cast<std::size_t>(size));
  for (int r = 0; r < size; ++r) members[static_cast<std::size_t>(r)] = r;
  const auto group = std::make_shared<ThreadGroup>(world, members);
  std::exception_ptr cause;

  const auto run_rank = [&](int rank) {
    try {
      auto context = std::make_shared<CommContext>();
      context->timeout = options.timeout;
      context->world_rank = rank;
      ThreadsCommunicator communicator(rank, group, "world", std::move(context));
      body(communicator);
      const std::lock_guard lock(world.mutex);
      world.ended[static_cast<std::size_t>(rank)] = true;
    } catch (...) {
      const std::lock_guard lock(world.mutex);
      if (!world.failure) {
        world.failure = "rank " + std::to_string(rank) + " failed: " + message_of_current();
        cause = std::current_exception();
      }
    }
    world.changed.notify_all();
  };
  {
    std::vector<std::jthread> threads;
    threads.reserve(static_cast<std::size_t>(size));
    for (int r = 0; r < size; ++r) threads.emplace_back(run_rank, r);
  }
  if (cause) std::rethrow_exception(cause);
}

}  // namespace incipit::comm
