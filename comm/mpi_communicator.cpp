#include "comm/mpi_communicator.h"

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "comm/library_watch.h"
#include "comm/poll.h"
#include "comm/roll_call.h"
#include "core/error.h"

namespace incipit::comm {
namespace {

MPI_Datatype mpi_type(ElementType type) {
  switch (type) {
    case ElementType::kFloat:
      return MPI_FLOAT;
    case ElementType::kDouble:
      return MPI_DOUBLE;
    case ElementType::kInt64:
      return MPI_INT64_T;
  }
  return MPI_DATATYPE_NULL;
}

MPI_Op mpi_op(Reduction how) {
  switch (how) {
    case Reduction::kSum:
      return MPI_SUM;
    case Reduction::kMax:
      return MPI_MAX;
    case Reduction::kMin:
      return MPI_MIN;
  }
  return MPI_OP_NULL;
}

std::string error_text(int code) {
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  return {text.data(), static_cast<std::size_t>(length)};
}

class MpiCommunicator final : public Communicator {
 public:
  // Takes ownership of `handle`.
  MpiCommunicator(std::shared_ptr<MpiEnvironment> environment, MPI_Comm handle, int rank, int size,
                  std::string name, std::shared_ptr<CommContext> context, const MpiOptions& options,
                  std::shared_ptr<RollCall> roll_call = nullptr)
      : Communicator(rank, size, std::move(name), std::move(context)),
        environment_(std::move(environment)),
        options_(options),
        handle_(handle),
        roll_call_(std::move(roll_call)) {}

  ~MpiCommunicator() override {
    if (!context().broken_by.empty()) environment_->abandon();
    if (environment_->in_order()) MPI_Comm_free(&handle_);
  }

  [[nodiscard]] std::string_view backend() const noexcept override { return "mpi"; }

 private:
  using Communicator::do_all_reduce;

  void check(int code, const Collective& call) const {
    if (code != MPI_SUCCESS) fail(call, error_text(code));
  }

  // Starts a non-blocking operation that transfers `bytes` and polls it until it completes. A
  // request that times out is abandoned (MPI cannot cancel a collective); after that only the abort
  // calls MPI.
  template <typename Start>
  void complete(const Collective& call, Deadline until, std::size_t bytes, Start&& start) const {
    environment_->check_thread();
    MPI_Request request = MPI_REQUEST_NULL;
    check(start(&request), call);
    finish(call, until, bytes, {&request, 1});
  }

  // As `complete`, for an operation of all ranks.
  template <typename Start>
  void complete_together(const Collective& call, Deadline until, std::size_t bytes,
                         Start&& start) const {
    if (roll_call_) roll_call_->begin();
    complete(call, until, bytes, start);
    if (roll_call_) roll_call_->end();
  }

  // Polls started operations until they complete.
  void finish(const Collective& call, Deadline until, std::size_t bytes,
              std::span<MPI_Request> requests) const {
    // MPI transfers data only while we poll, so sleeping slows a transfer down. Poll without
    // sleeping for about as long as the transfer takes; sleep only if the other side is late.
    constexpr std::size_t kBytesPerMicrosecond = 100;
    const std::chrono::microseconds patience(1000 + bytes / kBytesPerMicrosecond);
    int code = MPI_SUCCESS;
    const bool done = poll_until(until, patience, [&] {
      int flag = 0;
      code = MPI_Testall(static_cast<int>(requests.size()), requests.data(), &flag,
                         MPI_STATUSES_IGNORE);
      if (flag == 0 && roll_call_) roll_call_->poll();
      return flag != 0 || code != MPI_SUCCESS;
    });
    check(code, call);
    if (!done) time_out(call);
  }

  // Requests in progress. If it is destroyed before they complete, MPI keeps them and is not
  // finalised.
  class Requests final : public Pending::Started {
   public:
    Requests(const MpiCommunicator& owner, const Collective& call, std::size_t bytes)
        : owner_(owner), call_(call), bytes_(bytes) {}
    ~Requests() override {
      if (!requests_.empty()) owner_.environment_->abandon();
    }
    Requests(const Requests&) = delete;
    Requests& operator=(const Requests&) = delete;

    // start(&request) is a non-blocking call.
    template <typename Start>
    void add(Start&& start) {
      owner_.check(start(&requests_.emplace_back(MPI_REQUEST_NULL)), call_);
    }
    void poll() override {
      owner_.environment_->check_thread();
      int flag = 0;
      owner_.check(MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &flag,
                               MPI_STATUSES_IGNORE),
                   call_);
    }
    void wait() override {
      owner_.environment_->check_thread();
      owner_.finish(call_, owner_.deadline(), bytes_, requests_);
      requests_.clear();
    }

   private:
    const MpiCommunicator& owner_;
    const Collective call_;
    const std::size_t bytes_;
    std::vector<MPI_Request> requests_;
  };

  // Before a large transfer: waits until all ranks have arrived, mostly asleep, so that only the
  // transfer itself is polled without sleeping.
  void assemble(std::size_t bytes, const Collective& call, Deadline until) const {
    constexpr std::size_t kLarge = std::size_t{1} << 20;
    if (bytes < kLarge) return;
    complete_together(call, until, 0,
                      [&](MPI_Request* request) { return MPI_Ibarrier(handle_, request); });
  }

  // Calls piece(offset, count) for ranges of at most max_count elements.
  template <typename Piece>
  void in_pieces(std::size_t count, Piece&& piece) const {
    std::size_t begin = 0;
    do {
      const std::size_t length = std::min(options_.max_count, count - begin);
      piece(begin, static_cast<int>(length));
      begin += length;
    } while (begin < count);
  }

  void do_all_reduce(Elements values, Reduction how, const Collective& call) override {
    const Deadline until = deadline();
    const std::size_t element = values.element_size();
    assemble(values.count * element, call, until);
    in_pieces(values.count, [&](std::size_t begin, int count) {
      void* data = static_cast<std::byte*>(values.data) + begin * element;
      complete_together(call, until, static_cast<std::size_t>(count) * element,
                        [&](MPI_Request* request) {
                          return MPI_Iallreduce(MPI_IN_PLACE, data, count, mpi_type(values.type),
                                                mpi_op(how), handle_, request);
                        });
    });
  }

  void broadcast_pieces(std::span<std::byte> bytes, int root, const Collective& call,
                        Deadline until) {
    in_pieces(bytes.size(), [&](std::size_t begin, int count) {
      complete_together(call, until, static_cast<std::size_t>(count), [&](MPI_Request* request) {
        return MPI_Ibcast(bytes.data() + begin, count, MPI_BYTE, root, handle_, request);
      });
    });
  }

  void do_broadcast(std::span<std::byte> bytes, int root, const Collective& call) override {
    const Deadline until = deadline();
    assemble(bytes.size(), call, until);
    broadcast_pieces(bytes, root, call, until);
  }

  void do_all_gather(std::span<const std::byte> mine, std::span<std::byte> all,
                     const Collective& call) override {
    const Deadline until = deadline();
    assemble(all.size(), call, until);
    if (mine.size() <= options_.max_count) {
      const int count = static_cast<int>(mine.size());
      return complete_together(call, until, all.size(), [&](MPI_Request* request) {
        return MPI_Iallgather(mine.data(), count, MPI_BYTE, all.data(), count, MPI_BYTE, handle_,
                              request);
      });
    }
    // Blocks are too large for one call: every rank broadcasts its own.
    for (int r = 0; r < size(); ++r) {
      const auto block = all.subspan(static_cast<std::size_t>(r) * mine.size(), mine.size());
      if (r == rank()) std::memcpy(block.data(), mine.data(), mine.size());
      broadcast_pieces(block, r, call, until);
    }
  }

  std::unique_ptr<Pending::Started> do_start_all_gather(std::span<const std::byte> mine,
                                                        std::span<std::byte> all,
                                                        const Collective& call) override {
    environment_->check_thread();
    auto started =
        std::make_unique<Requests>(*this, Collective{"all_gather", call.purpose}, all.size());
    if (mine.size() <= options_.max_count) {
      const int count = static_cast<int>(mine.size());
      started->add([&](MPI_Request* request) {
        return MPI_Iallgather(mine.data(), count, MPI_BYTE, all.data(), count, MPI_BYTE, handle_,
                              request);
      });
      return started;
    }
    for (int r = 0; r < size(); ++r) {
      const auto block = all.subspan(static_cast<std::size_t>(r) * mine.size(), mine.size());
      if (r == rank()) std::memcpy(block.data(), mine.data(), mine.size());
      in_pieces(block.size(), [&](std::size_t begin, int count) {
        started->add([&](MPI_Request* request) {
          return MPI_Ibcast(block.data() + begin, count, MPI_BYTE, r, handle_, request);
        });
      });
    }
    return started;
  }

  void do_reduce_scatter(std::span<const float> all, std::span<float> mine,
                         const Collective& call) override {
    const Deadline until = deadline();
    assemble(all.size_bytes(), call, until);
    if (mine.size() <= options_.max_count) {
      return complete_together(call, until, all.size_bytes(), [&](MPI_Request* request) {
        return MPI_Ireduce_scatter_block(all.data(), mine.data(), static_cast<int>(mine.size()),
                                         MPI_FLOAT, MPI_SUM, handle_, request);
      });
    }
    for (int r = 0; r < size(); ++r) {
      const auto block = all.subspan(static_cast<std::size_t>(r) * mine.size(), mine.size());
      in_pieces(block.size(), [&](std::size_t begin, int count) {
        const std::size_t moved = static_cast<std::size_t>(count) * sizeof(float);
        complete_together(call, until, moved, [&](MPI_Request* request) {
          return MPI_Ireduce(block.data() + begin, mine.data() + begin, count, MPI_FLOAT, MPI_SUM,
                             r, handle_, request);
        });
      });
    }
  }

  void do_barrier(const Collective& call) override {
    complete_together(call, deadline(), 0,
                      [&](MPI_Request* request) { return MPI_Ibarrier(handle_, request); });
  }

  std::unique_ptr<Communicator> do_split(int color, int key, std::string name,
                                         const Collective& call) override {
    // MPI has no non-blocking split, so wait with a deadline until all ranks are here.
    do_barrier(call);
    const LibraryWatch watch(
        {.call = "split of the mesh (MPI_Comm_split)", .timeout = context().timeout});
    MPI_Comm part = MPI_COMM_NULL;
    check(MPI_Comm_split(handle_, color, key, &part), call);
    return adopt(part, std::move(name), call);
  }

  std::unique_ptr<Communicator> adopt(MPI_Comm part, std::string name, const Collective& call) {
    check(MPI_Comm_set_errhandler(part, MPI_ERRORS_RETURN), call);
    int new_rank = 0;
    int new_size = 0;
    check(MPI_Comm_rank(part, &new_rank), call);
    check(MPI_Comm_size(part, &new_size), call);
    return std::make_unique<MpiCommunicator>(environment_, part, new_rank, new_size,
                                             std::move(name), shared_context(), options_);
  }

  void do_send(std::span<const std::byte> bytes, int to, int tag, const Collective& call) override {
    const Deadline until = deadline();
    in_pieces(bytes.size(), [&](std::size_t begin, int count) {
      complete(call, until, static_cast<std::size_t>(count), [&](MPI_Request* request) {
        return MPI_Isend(bytes.data() + begin, count, MPI_BYTE, to, tag, handle_, request);
      });
    });
  }

  void do_recv(std::span<std::byte> bytes, int from, int tag, const Collective& call) override {
    const Deadline until = deadline();
    in_pieces(bytes.size(), [&](std::size_t begin, int count) {
      complete(call, until, static_cast<std::size_t>(count), [&](MPI_Request* request) {
        return MPI_Irecv(bytes.data() + begin, count, MPI_BYTE, from, tag, handle_, request);
      });
    });
  }

  void do_exchange(std::span<const std::byte> to_peer, std::span<std::byte> from_peer, int peer,
                   int tag, const Collective& call) override {
    environment_->check_thread();
    Requests both(*this, call, to_peer.size() + from_peer.size());
    in_pieces(from_peer.size(), [&](std::size_t begin, int count) {
      both.add([&](MPI_Request* request) {
        return MPI_Irecv(from_peer.data() + begin, count, MPI_BYTE, peer, tag, handle_, request);
      });
    });
    in_pieces(to_peer.size(), [&](std::size_t begin, int count) {
      both.add([&](MPI_Request* request) {
        return MPI_Isend(to_peer.data() + begin, count, MPI_BYTE, peer, tag, handle_, request);
      });
    });
    both.wait();
  }

  LocalRank do_local_rank(const Collective& call) override {
    do_barrier(call);  // as in do_split
    const LibraryWatch watch(
        {.call = "local rank (MPI_Comm_split_type)", .timeout = context().timeout});
    MPI_Comm part = MPI_COMM_NULL;
    check(MPI_Comm_split_type(handle_, MPI_COMM_TYPE_SHARED, rank(), MPI_INFO_NULL, &part), call);
    const auto local = adopt(part, "local", call);
    return {local->rank(), local->size()};
  }

  std::shared_ptr<MpiEnvironment> environment_;
  MpiOptions options_;
  MPI_Comm handle_;
  std::shared_ptr<RollCall> roll_call_;  // of the world; null for its parts
};

// Returns how long a rank waits in silence: much less than the timeout of an operation.
std::chrono::milliseconds first_message(const CommContext& context) {
  return std::clamp<std::chrono::milliseconds>(context.timeout / 8, std::chrono::milliseconds(100),
                                               std::chrono::seconds(2));
}

}  // namespace

std::unique_ptr<Communicator> make_mpi_world(std::shared_ptr<MpiEnvironment> environment,
                                             std::shared_ptr<CommContext> context,
                                             const MpiOptions& options) {
  environment->check_thread();
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  context->world_rank = rank;
  const auto roll_call = std::make_shared<RollCall>(rank, size, first_message(*context));
  context->absent = [roll_call] { return roll_call->absent(); };
  const LibraryWatch watch({.call = "start (MPI_Comm_dup)",
                            .timeout = environment->timeout(),
                            .absent = context->absent});
  roll_call->meet();
  MPI_Comm duplicate = MPI_COMM_NULL;
  if (const int code = MPI_Comm_dup(MPI_COMM_WORLD, &duplicate); code != MPI_SUCCESS) {
    throw CommError(rank, "start (MPI_Comm_dup)", error_text(code));
  }
  MPI_Comm_set_errhandler(duplicate, MPI_ERRORS_RETURN);
  return std::make_unique<MpiCommunicator>(std::move(environment), duplicate, rank, size, "world",
                                           std::move(context), options, roll_call);
}

}  // namespace incipit::comm
