// Manages one ncclComm_t, from its non-blocking creation until it is finalised or aborted.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "comm/nccl_communicator.h"

namespace incipit::comm {

// Owns an ncclComm_t, its stream, and the events by which it and the producer wait for each other.
// Main thread only. Returns errors as text; the communicator that uses it adds rank and operation.
class NcclLife {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  NcclLife(std::shared_ptr<const NcclApi> api, const NcclOptions& options,
           const NcclLimits& limits);
  // Finalises within limits.finalize_timeout if nothing failed and orderly_end() was called; else
  // aborts.
  ~NcclLife();
  NcclLife(const NcclLife&) = delete;
  NcclLife& operator=(const NcclLife&) = delete;

  struct Failure {
    std::string text;
    bool timed_out = false;
  };

  // Joins the communicator identified by `id`.
  [[nodiscard]] std::optional<Failure> create(const ncclUniqueId& id, int rank, int size,
                                              const std::string& name, Deadline deadline);
  // Creates an event after the work submitted to the producer's stream so far. The caller owns it.
  [[nodiscard]] std::optional<Failure> mark_submitted(cudaEvent_t& event);
  // Calls begin(comm, stream), to run after the event `after` or, if it is null, after the work
  // submitted to the producer's stream so far. Returns when the operation is enqueued. On failure,
  // aborts the communicator.
  template <typename Start>
  [[nodiscard]] std::optional<Failure> enqueue(const Collective& call, Deadline deadline,
                                               cudaEvent_t after, Start&& begin) {
    if (auto failure = wait_for_producer(after)) return abort_after(std::move(*failure));
    if (auto failure = settle(begin(comm_, stream_), deadline)) {
      return abort_after(std::move(*failure));
    }
    if (auto failure = mark(call)) return abort_after(std::move(*failure));
    return std::nullopt;
  }
  // The event after the operation that was enqueued last.
  [[nodiscard]] cudaEvent_t last() const { return enqueued_.back().done; }
  // Lets work that is submitted to the producer's stream from now on wait for the event.
  [[nodiscard]] std::optional<Failure> join(cudaEvent_t event);
  // Returns the first operation that is not done.
  [[nodiscard]] std::optional<Collective> first_unfinished();
  // Returns the failure of operations that were enqueued; with `timed_out`, also that one is not
  // done. On failure, aborts the communicator.
  [[nodiscard]] std::optional<Failure> check(bool timed_out);
  void orderly_end() noexcept { orderly_ = true; }

  [[nodiscard]] const NcclApi& api() const { return *api_; }
  [[nodiscard]] const std::shared_ptr<const NcclApi>& shared_api() const { return api_; }
  [[nodiscard]] const NcclOptions& options() const { return options_; }

 private:
  [[nodiscard]] std::optional<Failure> wait_for_producer(cudaEvent_t after);
  // Polls while NCCL returns ncclInProgress.
  [[nodiscard]] std::optional<Failure> settle(ncclResult_t result, Deadline deadline);
  // Records an event after the operation that was begun last.
  [[nodiscard]] std::optional<Failure> mark(const Collective& call);
  [[nodiscard]] Failure nccl_failure(ncclResult_t result) const;
  [[nodiscard]] Failure cuda_failure(cudaError_t error) const;
  Failure abort_after(Failure failure);
  void abort() noexcept;

  const std::shared_ptr<const NcclApi> api_;
  const NcclOptions options_;
  const NcclLimits limits_;
  ncclComm_t comm_ = nullptr;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t produced_ = nullptr;
  struct Enqueued {
    Collective call;
    cudaEvent_t done;
  };
  std::deque<Enqueued> enqueued_;  // operations that may not be done, in order
  std::vector<cudaEvent_t> free_events_;
  bool orderly_ = false;
};

}  // namespace incipit::comm
