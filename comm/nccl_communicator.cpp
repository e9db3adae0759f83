#include "comm/nccl_communicator.h"

#include <exception>
#include <utility>
#include <vector>

#include "comm/nccl_devices.h"
#include "comm/nccl_life.h"
#include "core/check.h"
#include "core/error.h"

namespace incipit::comm {
namespace {

ncclDataType_t nccl_type(ElementType type) {
  switch (type) {
    case ElementType::kFloat:
      return ncclFloat32;
    case ElementType::kDouble:
      return ncclFloat64;
    case ElementType::kInt64:
      return ncclInt64;
  }
  return ncclNumTypes;
}

ncclRedOp_t nccl_op(Reduction how) {
  switch (how) {
    case Reduction::kSum:
      return ncclSum;
    case Reduction::kMax:
      return ncclMax;
    case Reduction::kMin:
      return ncclMin;
  }
  return ncclNumOps;
}

// Every operation checks the kind of its memory: NCCL transfers device memory, the control
// communicator transfers host memory.
class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(std::unique_ptr<Communicator> control, std::shared_ptr<const NcclApi> api,
                   const NcclOptions& options, const NcclLimits& limits)
      : Communicator(control->rank(), control->size(), control->name(), control->shared_context()),
        control_(std::move(control)),
        limits_(limits),
        exceptions_(std::uncaught_exceptions()),
        life_(std::move(api), options, limits) {
    ncclUniqueId id{};
    std::string error;
    if (rank() == 0) {
      const ncclResult_t result = life_.api().get_unique_id(&id);
      if (result != ncclSuccess) error = life_.api().error_string(result);
    }
    const Collective call{"creation", "NCCL communicator"};
    if (!control_->broadcast(error, 0, call.purpose).empty()) {
      fail(call, "rank 0 of " + name() + " got no id from NCCL: " + error);
    }
    control_->broadcast(std::as_writable_bytes(std::span(&id, 1)), 0, call.purpose);
    require(life_.create(id, rank(), size(), name(), deadline()), call);
    context().enqueuing.push_back(this);
  }

  ~NcclCommunicator() override {
    std::erase(context().enqueuing, this);
    if (context().broken_by.empty() && std::uncaught_exceptions() == exceptions_) {
      life_.orderly_end();
    }
  }

  [[nodiscard]] std::string_view backend() const noexcept override { return "nccl"; }
  [[nodiscard]] bool accepts_device_memory() const noexcept override { return true; }
  [[nodiscard]] bool enqueues() const noexcept override { return true; }
  [[nodiscard]] Mark mark_submitted() override {
    cudaEvent_t event = nullptr;
    require(life_.mark_submitted(event), {"mark", "computation so far"});
    return {event, [api = life_.shared_api()](void* of) {
              api->event_destroy(static_cast<cudaEvent_t>(of));
            }};
  }
  void run_after(const Mark& mark, const std::function<void()>& operation) override {
    after_ = static_cast<cudaEvent_t>(mark.get());
    operation();
    after_ = nullptr;
  }

 private:
  void require(const std::optional<NcclLife::Failure>& failure, const Collective& call) const {
    if (!failure) return;
    if (failure->timed_out) time_out(call);
    fail(call, failure->text);
  }

  [[nodiscard]] bool on_device(const void* data) const {
    if (data == nullptr) return false;
    cudaPointerAttributes attributes{};
    if (life_.api().pointer_attributes(&attributes, data) != cudaSuccess) return false;
    return attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged;
  }

  // An operation that runs after the work submitted to the producer's stream before it. Later work
  // waits for it from wait() on.
  class OnStream final : public Pending::Started {
   public:
    OnStream(NcclCommunicator& owner, const Collective& call)
        : owner_(owner), call_(call), done_(owner.life_.last()) {}
    void wait() override { owner_.require(owner_.life_.join(done_), call_); }

   private:
    NcclCommunicator& owner_;
    Collective call_;
    cudaEvent_t done_;  // may be reused for a later operation, which is waited for then
  };

  // Enqueues an operation between the work submitted to the producer's stream before and after.
  // Within run_after() only the work before the mark comes before it, within do_start() no work
  // comes after it.
  template <typename Start>
  void run(const Collective& call, Start&& start) {
    require(life_.enqueue(call, deadline(), after_, std::forward<Start>(start)), call);
    if (is_starting_) {
      started_ = std::make_unique<OnStream>(*this, call);
    } else {
      require(life_.join(life_.last()), call);
    }
  }

  std::unique_ptr<Pending::Started> do_start(const Collective& /*call*/,
                                             const std::function<void()>& operation) override {
    INCIPIT_CHECK(!is_starting_, "an operation is started within another");
    is_starting_ = true;
    operation();
    is_starting_ = false;
    return std::move(started_);
  }

  void do_check(bool timed_out) override {
    const std::optional<Collective> unfinished = life_.first_unfinished();
    if (unfinished) require(life_.check(timed_out), *unfinished);
  }

  void reduce_on_host(Elements values, Reduction how, const Collective& call) {
    const auto reduce = [&]<typename T>(T* data) {
      const std::span<T> all(data, values.count);
      if constexpr (std::is_same_v<T, float>) {
        INCIPIT_CHECK(how == Reduction::kSum);
        control_->all_reduce_sum(all, call.purpose);
      } else if constexpr (std::is_same_v<T, double>) {
        if (how == Reduction::kSum) return control_->all_reduce_sum(all, call.purpose);
        if (how == Reduction::kMax) return control_->all_reduce_max(all, call.purpose);
        control_->all_reduce_min(all, call.purpose);
      } else {
        INCIPIT_CHECK(how != Reduction::kSum);
        if (how == Reduction::kMax) return control_->all_reduce_max(all, call.purpose);
        control_->all_reduce_min(all, call.purpose);
      }
    };
    switch (values.type) {
      case ElementType::kFloat:
        return reduce(static_cast<float*>(values.data));
      case ElementType::kDouble:
        return reduce(static_cast<double*>(values.data));
      case ElementType::kInt64:
        return reduce(static_cast<std::int64_t*>(values.data));
    }
  }

  void do_all_reduce(Elements values, Reduction how, const Collective& call) override {
    if (!on_device(values.data)) return reduce_on_host(values, how, call);
    run(call, [&](ncclComm_t comm, cudaStream_t stream) {
      return life_.api().all_reduce(values.data, values.data, values.count, nccl_type(values.type),
                                    nccl_op(how), comm, stream);
    });
  }

  void do_all_reduce(std::span<BFloat16> values, const Collective& call) override {
    if (!on_device(values.data())) return control_->all_reduce_sum(values, call.purpose);
    run(call, [&](ncclComm_t comm, cudaStream_t stream) {
      return life_.api().all_reduce(values.data(), values.data(), values.size(), ncclBfloat16,
                                    ncclSum, comm, stream);
    });
  }

  void do_all_reduce(std::span<const std::span<float>> parts, const Collective& call) override {
    const bool device = !parts.empty() && on_device(parts.front().data());
    if (!device) return control_->all_reduce_sum(parts, call.purpose);
    run(call, [&](ncclComm_t comm, cudaStream_t stream) {
      ncclResult_t result = life_.api().group_start();
      for (const auto part : parts) {
        if (result != ncclSuccess && result != ncclInProgress) break;
        result = life_.api().all_reduce(part.data(), part.data(), part.size(), ncclFloat32, ncclSum,
                                        comm, stream);
      }
      const ncclResult_t end = life_.api().group_end();
      return result == ncclSuccess || result == ncclInProgress ? end : result;
    });
  }

  void do_broadcast(std::span<std::byte> bytes, int root, const Collective& call) override {
    if (!on_device(bytes.data())) return control_->broadcast(bytes, root, call.purpose);
    run(call, [&](ncclComm_t comm, cudaStream_t stream) {
      return life_.api().broadcast(bytes.data(), bytes.data(), bytes.size(), ncclUint8, root, comm,
                                   stream);
    });
  }

  void do_all_gather(std::span<const std::byte> mine, std::span<std::byte> all,
                     const Collective& call) override {
    if (!on_device(mine.data())) return control_->all_gather(mine, all, call.purpose);
    run(call, [&](ncclComm_t comm, cudaStream_t stream) {
      return life_.api().all_gather(mine.data(), all.data(), mine.size(), ncclUint8, comm, stream);
    });
  }

  std::unique_ptr<Pending::Started> do_start_all_gather(std::span<const std::byte> mine,
                                                        std::span<std::byte> all,
                                                        const Collective& call) override {
    if (!on_device(mine.data())) return Communicator::do_start_all_gather(mine, all, call);
    return do_start(call, [&] { do_all_gather(mine, all, {"all_gather", call.purpose}); });
  }

  void do_reduce_scatter(std::span<const float> all, std::span<float> mine,
                         const Collective& call) override {
    if (!on_device(mine.data())) return control_->reduce_scatter_sum(all, mine, call.purpose);
    run(call, [&](ncclComm_t comm, cudaStream_t stream) {
      return life_.api().reduce_scatter(all.data(), mine.data(), mine.size(), ncclFloat32, ncclSum,
                                        comm, stream);
    });
  }

  void do_barrier(const Collective& call) override { control_->barrier(call.purpose); }

  std::unique_ptr<Communicator> do_split(int color, int key, std::string name,
                                         const Collective&) override {
    return std::make_unique<NcclCommunicator>(control_->split(color, key, std::move(name)),
                                              life_.shared_api(), life_.options(), limits_);
  }

  void do_send(std::span<const std::byte> bytes, int to, int tag, const Collective& call) override {
    if (!on_device(bytes.data())) return control_->send(bytes, to, tag, call.purpose);
    run(call, [&](ncclComm_t comm, cudaStream_t stream) {
      return life_.api().send(bytes.data(), bytes.size(), ncclUint8, to, comm, stream);
    });
  }

  void do_recv(std::span<std::byte> bytes, int from, int tag, const Collective& call) override {
    if (!on_device(bytes.data())) return control_->recv(bytes, from, tag, call.purpose);
    run(call, [&](ncclComm_t comm, cudaStream_t stream) {
      return life_.api().recv(bytes.data(), bytes.size(), ncclUint8, from, comm, stream);
    });
  }

  void do_exchange(std::span<const std::byte> to_peer, std::span<std::byte> from_peer, int peer,
                   int tag, const Collective& call) override {
    if (!on_device(to_peer.empty() ? from_peer.data() : to_peer.data())) {
      return control_->exchange(to_peer, from_peer, peer, tag, call.purpose);
    }
    run(call, [&](ncclComm_t comm, cudaStream_t stream) {
      const NcclApi& api = life_.api();
      const auto ok = [](ncclResult_t result) {
        return result == ncclSuccess || result == ncclInProgress;
      };
      ncclResult_t result = api.group_start();
      if (ok(result) && !to_peer.empty()) {
        result = api.send(to_peer.data(), to_peer.size(), ncclUint8, peer, comm, stream);
      }
      if (ok(result) && !from_peer.empty()) {
        result = api.recv(from_peer.data(), from_peer.size(), ncclUint8, peer, comm, stream);
      }
      const ncclResult_t end = api.group_end();
      return ok(result) ? end : result;
    });
  }

  LocalRank do_local_rank(const Collective& call) override {
    return control_->local_rank(call.purpose);
  }

  std::unique_ptr<Communicator> control_;
  const NcclLimits limits_;
  const int exceptions_;
  cudaEvent_t after_ = nullptr;                // within run_after(): its mark
  bool is_starting_ = false;                   // within do_start()
  std::unique_ptr<Pending::Started> started_;  // by its operation
  NcclLife life_;                              // after control_, so that it is destroyed first
};

}  // namespace

std::unique_ptr<Communicator> make_nccl_communicator(std::unique_ptr<Communicator> control,
                                                     std::shared_ptr<const NcclApi> api,
                                                     const NcclOptions& options,
                                                     const NcclLimits& limits) {
  require_own_devices(*control, *api, options.device);
  return std::make_unique<NcclCommunicator>(std::move(control), std::move(api), options, limits);
}

bool has_nccl() noexcept { return true; }

std::unique_ptr<Communicator> make_nccl_world(std::unique_ptr<Communicator> control,
                                              const NcclOptions& options) {
  return make_nccl_communicator(std::move(control), load_nccl(), options);
}

}  // namespace incipit::comm
