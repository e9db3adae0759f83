#include "comm/nccl_life.h"

#include <unistd.h>

#include <future>
#include <thread>
#include <utility>

#include "comm/poll.h"
#include "core/error.h"
#include "core/log.h"

namespace incipit::comm {

using std::chrono::steady_clock;

namespace {
// NCCL transfers data without being polled: sleeping delays only the notice of completion.
constexpr std::chrono::milliseconds kPatience{5};
}  // namespace

NcclLife::NcclLife(std::shared_ptr<const NcclApi> api, const NcclOptions& options,
                   const NcclLimits& limits)
    : api_(std::move(api)), options_(options), limits_(limits) {}

NcclLife::~NcclLife() {
  if (comm_ != nullptr && orderly_) {
    const auto failure =
        settle(api_->finalize(comm_), steady_clock::now() + limits_.finalize_timeout);
    if (failure) {
      log::warn("NCCL did not finish cleanly ({}); aborting it",
                failure->timed_out ? "no answer in time" : failure->text);
    } else {
      api_->destroy(std::exchange(comm_, nullptr));
    }
  }
  abort();
  for (const Enqueued& each : enqueued_) free_events_.push_back(each.done);
  if (produced_ != nullptr) free_events_.push_back(produced_);
  for (cudaEvent_t const event : free_events_) api_->event_destroy(event);
  if (stream_ != nullptr) api_->stream_destroy(stream_);
}

std::optional<NcclLife::Failure> NcclLife::create(const ncclUniqueId& id, int rank, int size,
                                                  const std::string& name, Deadline deadline) {
  if (const auto error = api_->set_device(options_.device)) return cuda_failure(error);
  // Events order the work, so the stream need not synchronise with the default stream.
  if (const auto error = api_->stream_create(&stream_, cudaStreamNonBlocking)) {
    return cuda_failure(error);
  }
  if (const auto error = api_->event_create(&produced_, cudaEventDisableTiming)) {
    return cuda_failure(error);
  }
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  config.commName = name.c_str();
  if (auto failure = settle(api_->init_rank(&comm_, size, id, rank, &config), deadline)) {
    return abort_after(std::move(*failure));
  }
  return std::nullopt;
}

std::optional<NcclLife::Failure> NcclLife::mark_submitted(cudaEvent_t& event) {
  auto* const producer = static_cast<cudaStream_t>(options_.producer_stream);
  if (const auto error = api_->event_create(&event, cudaEventDisableTiming)) {
    return abort_after(cuda_failure(error));
  }
  if (const auto error = api_->event_record(event, producer)) {
    return abort_after(cuda_failure(error));
  }
  return std::nullopt;
}

std::optional<NcclLife::Failure> NcclLife::wait_for_producer(cudaEvent_t after) {
  auto* const producer = static_cast<cudaStream_t>(options_.producer_stream);
  if (after == nullptr) {
    if (const auto error = api_->event_record(produced_, producer)) return cuda_failure(error);
    after = produced_;
  }
  if (const auto error = api_->stream_wait_event(stream_, after, 0)) return cuda_failure(error);
  return std::nullopt;
}

std::optional<NcclLife::Failure> NcclLife::settle(ncclResult_t result, Deadline deadline) {
  if (result != ncclSuccess && result != ncclInProgress) return nccl_failure(result);
  ncclResult_t state = result;
  const bool settled = poll_until(deadline, kPatience, [&] {
    if (state != ncclInProgress) return true;
    if (const auto asked = api_->get_async_error(comm_, &state); asked != ncclSuccess) {
      state = asked;
    }
    return state != ncclInProgress;
  });
  if (!settled) return Failure{"", true};
  if (state != ncclSuccess) return nccl_failure(state);
  return std::nullopt;
}

std::optional<NcclLife::Failure> NcclLife::mark(const Collective& call) {
  (void)first_unfinished();  // frees events
  cudaEvent_t event = nullptr;
  if (!free_events_.empty()) {
    event = free_events_.back();
    free_events_.pop_back();
  } else if (const auto error = api_->event_create(&event, cudaEventDisableTiming)) {
    return cuda_failure(error);
  }
  enqueued_.push_back({call, event});
  if (const auto error = api_->event_record(event, stream_)) return cuda_failure(error);
  return std::nullopt;
}

std::optional<NcclLife::Failure> NcclLife::join(cudaEvent_t event) {
  auto* const producer = static_cast<cudaStream_t>(options_.producer_stream);
  if (const auto error = api_->stream_wait_event(producer, event, 0)) {
    return abort_after(cuda_failure(error));
  }
  return std::nullopt;
}

std::optional<Collective> NcclLife::first_unfinished() {
  while (!enqueued_.empty() && api_->event_query(enqueued_.front().done) == cudaSuccess) {
    free_events_.push_back(enqueued_.front().done);
    enqueued_.pop_front();
  }
  if (enqueued_.empty()) return std::nullopt;
  return enqueued_.front().call;
}

std::optional<NcclLife::Failure> NcclLife::check(bool timed_out) {
  if (comm_ == nullptr || enqueued_.empty()) return std::nullopt;
  ncclResult_t state = ncclSuccess;
  if (const auto asked = api_->get_async_error(comm_, &state); asked != ncclSuccess) state = asked;
  if (state != ncclSuccess && state != ncclInProgress) return abort_after(nccl_failure(state));
  const cudaError_t error = api_->event_query(enqueued_.front().done);
  if (error != cudaSuccess && error != cudaErrorNotReady) return abort_after(cuda_failure(error));
  if (timed_out && error == cudaErrorNotReady) return abort_after({"", true});
  return std::nullopt;
}

NcclLife::Failure NcclLife::nccl_failure(ncclResult_t result) const {
  std::string text = std::string("NCCL: ") + api_->error_string(result);
  const char* last = api_->last_error(comm_);
  if (last != nullptr && *last != '\0') text += std::string("; ") + last;
  return {text + "; set NCCL_DEBUG=WARN for details", false};
}

NcclLife::Failure NcclLife::cuda_failure(cudaError_t error) const {
  return {std::string("CUDA: ") + api_->cuda_error_string(error), false};
}

NcclLife::Failure NcclLife::abort_after(Failure failure) {
  abort();
  return failure;
}

void NcclLife::abort() noexcept {
  if (comm_ == nullptr) return;
  // The thread owns the promise, so that it outlives a wait that times out.
  std::promise<void> promise;
  auto done = promise.get_future();
  std::thread([api = api_, comm = std::exchange(comm_, nullptr),
               promise = std::move(promise)]() mutable {
    api->abort(comm);
    promise.set_value();
  }).detach();
  if (done.wait_for(limits_.abort_timeout) == std::future_status::ready) return;
  log::error("NCCL's abort hangs; ending this process with exit code 4");
  if (limits_.hard_exit) {
    limits_.hard_exit();
  } else {
    ::_exit(static_cast<int>(ExitCode::kComm));
  }
}

}  // namespace incipit::comm
