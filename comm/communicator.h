// A group of ranks and the operations they do together.
//
// The same interface for one process, ranks as threads (tests), MPI and NCCL: callers
// never ask whether they are distributed. Every operation here is *collective* unless it
// says otherwise: every rank of the communicator must call it, in the same order, with the
// same sizes. Each takes the purpose it serves; every failure throws CommError with the
// rank in the world and "purpose (collective on communicator)". After a failure all
// communicators of this rank are broken: end the job (comm/guarded_main.h).
//
// Memory: all backends take host memory. The nccl backend takes device memory too (the
// same kind on every rank); the other backends take no device memory. Calls return when
// the result is there.
//
// Results are the same bits on every rank, and the same bits again in a run with the same
// number of ranks.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "comm/activity.h"
#include "comm/context.h"

namespace incipit::comm {

// The bits of a bfloat16, which C++20 has no type for.
struct BFloat16 {
  std::uint16_t bits = 0;
};

enum class Reduction { kSum, kMax, kMin };
enum class ElementType { kFloat, kDouble, kInt64 };

class Communicator;

// An operation that was started and goes on while the rank computes. Its buffers stay as they
// are, and its communicator lives, until wait() has returned. Given up without wait(), as an
// exception does, it leaves the communicator broken: end the job.
class Pending {
 public:
  // What a backend makes of it.
  class Started {
   public:
    virtual ~Started() = default;
    virtual void poll() {}
    virtual void wait() = 0;
  };
  Pending(Communicator& communicator, const Collective& call, std::unique_ptr<Started> started)
      : communicator_(&communicator), call_(call), started_(std::move(started)) {}

  // Moves it on, cheaply; for backends whose transfers move only in calls. Not collective.
  void poll() const { started_->poll(); }
  // Collective, once. Returns when the result is there.
  void wait();

 private:
  Communicator* communicator_;
  Collective call_;
  std::unique_ptr<Started> started_;
};

// An array of one of the element types, for the backends.
struct Elements {
  void* data = nullptr;
  std::size_t count = 0;
  ElementType type = ElementType::kFloat;
  [[nodiscard]] std::size_t element_size() const { return type == ElementType::kFloat ? 4 : 8; }
};

// Which of the ranks on this machine this one is.
struct LocalRank {
  int rank = 0;
  int size = 1;
};

class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }  // "world", "data"
  [[nodiscard]] virtual std::string_view backend() const noexcept = 0;
  [[nodiscard]] CommContext& context() const noexcept { return *context_; }
  [[nodiscard]] const std::shared_ptr<CommContext>& shared_context() const { return context_; }

  // In place.
  void all_reduce_sum(std::span<float> values, Operation purpose);
  void all_reduce_sum(std::span<double> values, Operation purpose);
  // Each sum is rounded to bfloat16 once where the backend can (single, threads, mpi).
  void all_reduce_sum(std::span<BFloat16> values, Operation purpose);
  // One reduction for several arrays.
  void all_reduce_sum(std::span<const std::span<float>> parts, Operation purpose);

  // For control values; not for NaN.
  void all_reduce_max(std::span<std::int64_t> values, Operation purpose);
  void all_reduce_max(std::span<double> values, Operation purpose);
  void all_reduce_min(std::span<std::int64_t> values, Operation purpose);
  void all_reduce_min(std::span<double> values, Operation purpose);
  [[nodiscard]] std::int64_t all_reduce_max(std::int64_t value, Operation purpose);
  [[nodiscard]] std::int64_t all_reduce_min(std::int64_t value, Operation purpose);

  void broadcast(std::span<std::byte> bytes, int root, Operation purpose);
  // The text of `root` on every rank; what the others pass is ignored.
  [[nodiscard]] std::string broadcast(std::string text, int root, Operation purpose);

  // all[r * mine.size() ...] = what rank r passed. all.size() = size() * mine.size();
  // the two do not overlap.
  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all, Operation purpose);
  // Starts an all_gather. It may be waited for behind other operations, but every rank starts
  // and waits in the same order.
  [[nodiscard]] Pending start_all_gather(std::span<const std::byte> mine, std::span<std::byte> all,
                                         Operation purpose);
  // Texts of any length, one per rank.
  [[nodiscard]] std::vector<std::string> all_gather(std::string_view mine, Operation purpose);
  template <typename T>
  requires std::is_trivially_copyable_v<T> &&(!std::is_convertible_v<T, std::string_view>)
      [[nodiscard]] std::vector<T> all_gather(const T& mine, Operation purpose) {
    std::vector<T> all(static_cast<std::size_t>(size()));
    all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)), purpose);
    return all;
  }

  // mine = this rank's block of the sum of `all`; all.size() = size() * mine.size(); the
  // two do not overlap.
  void reduce_scatter_sum(std::span<const float> all, std::span<float> mine, Operation purpose);

  void barrier(Operation purpose);

  // The ranks that passed the same color (>= 0), ordered by key and then by rank here.
  [[nodiscard]] std::unique_ptr<Communicator> split(int color, int key, std::string name);

  // Only the two ranks concerned call these. Tags are in [0, 32767]; NCCL matches by order
  // alone. send may return before the bytes are received, or wait for the receiver.
  void send(std::span<const std::byte> bytes, int to, int tag, Operation purpose);
  void recv(std::span<std::byte> bytes, int from, int tag, Operation purpose);
  // Both at once, with one peer that calls this too: no order of the two that could lock.
  // Either side may be empty.
  void exchange(std::span<const std::byte> to_peer, std::span<std::byte> from_peer, int peer,
                int tag, Operation purpose);

  // Which of this communicator's ranks on this machine we are.
  [[nodiscard]] LocalRank local_rank(Operation purpose);

 protected:
  using Deadline = std::chrono::steady_clock::time_point;

  Communicator(int rank, int size, std::string name, std::shared_ptr<CommContext> context);

  [[nodiscard]] Deadline deadline() const;
  // Marks the rank's communicators broken and throws CommError.
  [[noreturn]] void fail(const Collective& call, const std::string& message) const;
  [[noreturn]] void time_out(const Collective& call) const;

  // The backends. Arguments were checked; `call` is for error messages.
  virtual void do_all_reduce(Elements values, Reduction how, const Collective& call) = 0;
  virtual void do_all_reduce(std::span<BFloat16> values, const Collective& call);
  virtual void do_all_reduce(std::span<const std::span<float>> parts, const Collective& call);
  virtual void do_broadcast(std::span<std::byte> bytes, int root, const Collective& call) = 0;
  virtual void do_all_gather(std::span<const std::byte> mine, std::span<std::byte> all,
                             const Collective& call) = 0;
  // Where transfers need calls or nothing is gained by starting early: all of it in wait().
  virtual std::unique_ptr<Pending::Started> do_start_all_gather(std::span<const std::byte> mine,
                                                                std::span<std::byte> all,
                                                                const Collective& call);
  virtual void do_reduce_scatter(std::span<const float> all, std::span<float> mine,
                                 const Collective& call) = 0;
  virtual void do_barrier(const Collective& call) = 0;
  virtual std::unique_ptr<Communicator> do_split(int color, int key, std::string name,
                                                 const Collective& call) = 0;
  virtual void do_send(std::span<const std::byte> bytes, int to, int tag,
                       const Collective& call) = 0;
  virtual void do_recv(std::span<std::byte> bytes, int from, int tag, const Collective& call) = 0;
  virtual void do_exchange(std::span<const std::byte> to_peer, std::span<std::byte> from_peer,
                           int peer, int tag, const Collective& call) = 0;
  virtual LocalRank do_local_rank(const Collective& call) = 0;

 private:
  friend class Pending;
  template <typename Body>
  auto perform(const Collective& call, Body&& body);
  template <typename T>
  void all_reduce(const char* kind, std::span<T> values, Reduction how, Operation purpose);
  void check_peer(int peer, int tag) const;

  int rank_;
  int size_;
  std::string name_;
  std::shared_ptr<CommContext> context_;
};

}  // namespace incipit::comm
