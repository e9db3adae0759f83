// A group of ranks and their collective operations.
//
// The interface is the same for one process, ranks as threads (tests), MPI and NCCL, so callers
// need not know whether they are distributed. Every operation is *collective* unless it says
// otherwise: every rank of the communicator must call it, in the same order, with the same sizes.
// Each operation takes its purpose. Every failure throws CommError with the world rank and
// "purpose (collective on communicator)". After a failure all communicators of this rank are
// broken: end the job (comm/guarded_main.h).
//
// Memory: all backends accept host memory, some also device memory (the same kind on every rank). A
// call on host memory returns when the result is complete. A call on device memory may return when
// the operation is enqueued: work that is submitted to the device afterwards uses the result, and
// failures are reported while the host waits for that work (wait_until()).
//
// Results are bit-identical on every rank, and between runs with the same number of ranks.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "comm/activity.h"
#include "comm/context.h"

namespace incipit::comm {

// The bits of a bfloat16. C++20 has no type for it.
struct BFloat16 {
  std::uint16_t bits = 0;
};

enum class Reduction { kSum, kMax, kMin };
enum class ElementType { kFloat, kDouble, kInt64 };

class Communicator;

// An operation that was started and runs while the rank computes. Until wait() has returned, its
// buffers must not change and its communicator must exist. If it is destroyed without wait(), for
// example by an exception, the communicator is broken: end the job.
class Pending {
 public:
  // The backend's part of the operation.
  class Started {
   public:
    virtual ~Started() = default;
    virtual void poll() {}
    virtual void wait() = 0;
  };
  Pending(Communicator& communicator, const Collective& call, std::unique_ptr<Started> started)
      : communicator_(&communicator), call_(call), started_(std::move(started)) {}

  // Lets the transfer progress, for backends that transfer data only inside calls. Cheap. Not
  // collective.
  void poll() const { started_->poll(); }
  // Waits until the result is complete; where operations are enqueued, lets later work on the
  // device wait for it. Call once. Collective.
  void wait();

 private:
  Communicator* communicator_;
  Collective call_;
  std::unique_ptr<Started> started_;
};

// An array of one of the element types, as backends receive it.
struct Elements {
  void* data = nullptr;
  std::size_t count = 0;
  ElementType type = ElementType::kFloat;
  [[nodiscard]] std::size_t element_size() const { return type == ElementType::kFloat ? 4 : 8; }
};

// A rank's number among the ranks on its machine, and how many there are.
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
  [[nodiscard]] virtual bool accepts_device_memory() const noexcept { return false; }
  // Whether calls on device memory return when the operation is enqueued, so that the device can
  // compute while it runs: start().
  [[nodiscard]] virtual bool enqueues() const noexcept { return false; }
  [[nodiscard]] CommContext& context() const noexcept { return *context_; }
  [[nodiscard]] const std::shared_ptr<CommContext>& shared_context() const { return context_; }

  // Sums in place.
  void all_reduce_sum(std::span<float> values, Operation purpose);
  void all_reduce_sum(std::span<double> values, Operation purpose);
  // Rounds each sum to bfloat16 once, if the backend can (single, threads, mpi).
  void all_reduce_sum(std::span<BFloat16> values, Operation purpose);
  // Sums several arrays in one reduction.
  void all_reduce_sum(std::span<const std::span<float>> parts, Operation purpose);

  // For control values. NaN is not supported.
  void all_reduce_max(std::span<std::int64_t> values, Operation purpose);
  void all_reduce_max(std::span<double> values, Operation purpose);
  void all_reduce_min(std::span<std::int64_t> values, Operation purpose);
  void all_reduce_min(std::span<double> values, Operation purpose);
  [[nodiscard]] std::int64_t all_reduce_max(std::int64_t value, Operation purpose);
  [[nodiscard]] std::int64_t all_reduce_min(std::int64_t value, Operation purpose);

  void broadcast(std::span<std::byte> bytes, int root, Operation purpose);
  // Returns `text` of rank `root` on every rank. The texts of other ranks are ignored.
  [[nodiscard]] std::string broadcast(std::string text, int root, Operation purpose);

  // all[r * mine.size() ...] = `mine` of rank r. all.size() = size() * mine.size(); the two must
  // not overlap.
  void all_gather(std::span<const std::byte> mine, std::span<std::byte> all, Operation purpose);
  // Starts an all_gather. Other operations may run before its wait(), but every rank must start and
  // wait in the same order.
  [[nodiscard]] Pending start_all_gather(std::span<const std::byte> mine, std::span<std::byte> all,
                                         Operation purpose);
  // Returns the string of every rank, by rank. Lengths may differ.
  [[nodiscard]] std::vector<std::string> all_gather(std::string_view mine, Operation purpose);
  template <typename T>
  requires std::is_trivially_copyable_v<T> &&(!std::is_convertible_v<T, std::string_view>)
      [[nodiscard]] std::vector<T> all_gather(const T& mine, Operation purpose) {
    std::vector<T> all(static_cast<std::size_t>(size()));
    all_gather(std::as_bytes(std::span(&mine, 1)), std::as_writable_bytes(std::span(all)), purpose);
    return all;
  }

  // mine = this rank's block of the sum of `all`. all.size() = size() * mine.size(); the two must
  // not overlap.
  void reduce_scatter_sum(std::span<const float> all, std::span<float> mine, Operation purpose);

  void barrier(Operation purpose);

  // Waits until `done` returns true, which says whether the device has done some work. Throws
  // CommError when an operation that was enqueued on any communicator of this rank has failed, and
  // after the timeout; the message names the first operation that is not done. Not collective.
  void wait_until(const std::function<bool()>& done, Operation purpose);

  // Returns a communicator of the ranks that pass the same color (>= 0), ordered by key, then by
  // their rank in this communicator.
  [[nodiscard]] std::unique_ptr<Communicator> split(int color, int key, std::string name);

  // Point-to-point: only the two ranks call these. Tags are in [0, 32767]; NCCL ignores them and
  // matches by order. send() may return before the bytes are received, or wait for the receiver.
  void send(std::span<const std::byte> bytes, int to, int tag, Operation purpose);
  void recv(std::span<std::byte> bytes, int from, int tag, Operation purpose);
  // Sends to and receives from one peer at once, without a deadlock. The peer must call it too.
  // Either side may be empty.
  void exchange(std::span<const std::byte> to_peer, std::span<std::byte> from_peer, int peer,
                int tag, Operation purpose);

  // Calls `operation`, which calls one of the operations above on this communicator. Where these
  // are enqueued, later work on the device does not wait for the result before wait(). Returns
  // nothing if the operation is complete. `purpose` is that of the operation.
  [[nodiscard]] std::optional<Pending> start(Operation purpose,
                                             const std::function<void()>& operation);

  // The work submitted to the device up to a moment; null where operations are not enqueued.
  using Mark = std::shared_ptr<void>;
  // Not collective.
  [[nodiscard]] virtual Mark mark_submitted() { return nullptr; }
  // Calls `operation`, which calls one of the operations above on this communicator. Where it is
  // enqueued, it waits only for the work before `mark`, so that it runs while the device does the
  // work submitted since then. Later work waits for it.
  virtual void run_after(const Mark& mark, const std::function<void()>& operation);

  // Returns this rank's number among the communicator's ranks on this machine.
  [[nodiscard]] LocalRank local_rank(Operation purpose);

 protected:
  using Deadline = std::chrono::steady_clock::time_point;

  Communicator(int rank, int size, std::string name, std::shared_ptr<CommContext> context);

  [[nodiscard]] Deadline deadline() const;
  // Marks all communicators of this rank as broken and throws CommError.
  [[noreturn]] void fail(const Collective& call, const std::string& message) const;
  [[noreturn]] void time_out(const Collective& call) const;

  // Implemented by backends. Arguments are already checked; `call` is for error messages.
  virtual void do_all_reduce(Elements values, Reduction how, const Collective& call) = 0;
  virtual void do_all_reduce(std::span<BFloat16> values, const Collective& call);
  virtual void do_all_reduce(std::span<const std::span<float>> parts, const Collective& call);
  virtual void do_broadcast(std::span<std::byte> bytes, int root, const Collective& call) = 0;
  virtual void do_all_gather(std::span<const std::byte> mine, std::span<std::byte> all,
                             const Collective& call) = 0;
  // The default does the whole operation in wait(), for backends that gain nothing by starting
  // early or transfer data only inside calls.
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
  // The default completes the operation and returns null.
  virtual std::unique_ptr<Pending::Started> do_start(const Collective& call,
                                                     const std::function<void()>& operation);
  virtual LocalRank do_local_rank(const Collective& call) = 0;
  // For backends that enqueue operations: fails if one of them has failed or, after the timeout, if
  // one is not done.
  virtual void do_check(bool /*timed_out*/) {}

 private:
  friend class Pending;
  void require_unbroken(const Collective& call) const;
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
