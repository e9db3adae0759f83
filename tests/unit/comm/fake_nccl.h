// A fake of NCCL and the CUDA runtime whose behaviour tests choose. "Device memory" is
// FakeNccl::device; collectives only count, and leave the data unchanged (worlds of one).
#pragma once

#include <atomic>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "comm/nccl_api.h"

namespace incipit::comm {

struct FakeNccl {
  static constexpr int kForever = 1 << 30;
  // Set by the test.
  int devices = 8;
  std::atomic<int> polls_in_progress{0};  // ncclInProgress so often, after each call
  std::atomic<int> polls_of_stream{0};    // the stream is busy so often, after each call
  std::atomic<int> finishes{kForever};    // operations after so many are never done
  std::atomic<ncclResult_t> async_error{ncclSuccess};
  std::atomic<bool> abort_hangs{false};
  int submitted = 0;  // work of the producer so far
  std::vector<float> device = std::vector<float>(64, 1.0f);
  // Counted by the fake.
  std::atomic<int> created{0}, operations{0}, finalized{0}, destroyed{0}, aborted{0};
  int awaited = 0;            // work of the producer that the last operation waits for
  std::atomic<int> joins{0};  // how often later work of the producer waited for an operation

  std::atomic<int> left_in_progress{0};
  std::atomic<int> left_of_stream{0};
  int blocking = -1;
  std::mutex events_mutex;
  std::deque<int> events;  // per event, the operations before it

  ncclResult_t begin() {
    left_in_progress = polls_in_progress.load();
    left_of_stream = polls_of_stream.load();
    return left_in_progress > 0 ? ncclInProgress : ncclSuccess;
  }
  ncclResult_t operate() {
    ++operations;
    return begin();
  }
};

inline FakeNccl* fake = nullptr;  // of the test that is running

inline ncclComm_t fake_comm() {
  static int target = 0;
  return reinterpret_cast<ncclComm_t>(&target);
}

inline void fake_life(NcclApi& api) {
  api.get_unique_id = [](ncclUniqueId* id) {
    std::memset(id, 7, sizeof(*id));
    return ncclSuccess;
  };
  api.init_rank = [](ncclComm_t* comm, int, ncclUniqueId, int, ncclConfig_t* config) {
    ++fake->created;
    fake->blocking = config->blocking;
    *comm = fake_comm();
    return fake->begin();
  };
  api.get_async_error = [](ncclComm_t, ncclResult_t* state) {
    *state = fake->left_in_progress-- > 0 ? ncclInProgress : fake->async_error.load();
    return ncclSuccess;
  };
  api.error_string = [](ncclResult_t result) {
    return result == ncclRemoteError ? "remote process exited" : "some error";
  };
  api.last_error = [](ncclComm_t) { return "socket closed by peer"; };
  api.finalize = [](ncclComm_t) {
    ++fake->finalized;
    return fake->begin();
  };
  api.destroy = [](ncclComm_t) {
    ++fake->destroyed;
    return ncclSuccess;
  };
  api.abort = [](ncclComm_t) {
    FakeNccl* const mine = fake;  // may outlive the test's patience, not the test
    while (mine->abort_hangs) std::this_thread::yield();
    ++mine->aborted;
    return ncclSuccess;
  };
}

inline void fake_operations(NcclApi& api) {
  api.group_start = [] { return ncclSuccess; };
  api.group_end = [] { return fake->begin(); };
  api.all_reduce = [](const void*, void*, std::size_t, ncclDataType_t, ncclRedOp_t, ncclComm_t,
                      cudaStream_t) { return fake->operate(); };
  api.broadcast = [](const void*, void*, std::size_t, ncclDataType_t, int, ncclComm_t,
                     cudaStream_t) { return fake->operate(); };
  api.all_gather = [](const void*, void*, std::size_t, ncclDataType_t, ncclComm_t, cudaStream_t) {
    return fake->operate();
  };
  api.reduce_scatter = [](const void*, void*, std::size_t, ncclDataType_t, ncclRedOp_t, ncclComm_t,
                          cudaStream_t) { return fake->operate(); };
  api.send = [](const void*, std::size_t, ncclDataType_t, int, ncclComm_t, cudaStream_t) {
    return fake->operate();
  };
  api.recv = [](void*, std::size_t, ncclDataType_t, int, ncclComm_t, cudaStream_t) {
    return fake->operate();
  };
}

inline void fake_cuda(NcclApi& api) {
  api.device_count = [](int* count) {
    *count = fake->devices;
    return fake->devices > 0 ? cudaSuccess : cudaErrorNoDevice;
  };
  api.set_device = [](int) { return cudaSuccess; };
  api.pci_bus_id = [](char* text, int, int device) {
    std::strcpy(text, ("0000:0" + std::to_string(device) + ":00.0").c_str());
    return cudaSuccess;
  };
  api.cuda_error_string = [](cudaError_t) { return "no CUDA-capable device is detected"; };
  api.pointer_attributes = [](cudaPointerAttributes* attributes, const void* data) {
    const auto* const begin = fake->device.data();
    const bool inside = data >= begin && data < begin + fake->device.size();
    attributes->type = inside ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered;
    return cudaSuccess;
  };
  api.stream_create = [](cudaStream_t* stream, unsigned int) {
    static int target = 0;
    *stream = reinterpret_cast<cudaStream_t>(&target);  // the producer's is null
    return cudaSuccess;
  };
  api.stream_destroy = [](cudaStream_t) { return cudaSuccess; };
  api.stream_wait_event = [](cudaStream_t stream, cudaEvent_t event, unsigned int) {
    if (stream == nullptr) ++fake->joins;
    if (stream != nullptr) fake->awaited = *reinterpret_cast<int*>(event);
    return cudaSuccess;
  };
  // An event is where the fake keeps the number of operations before it, or of the producer's work.
  api.event_create = [](cudaEvent_t* event, unsigned int) {
    const std::lock_guard lock(fake->events_mutex);
    *event = reinterpret_cast<cudaEvent_t>(&fake->events.emplace_back(0));
    return cudaSuccess;
  };
  api.event_record = [](cudaEvent_t event, cudaStream_t stream) {
    *reinterpret_cast<int*>(event) = stream == nullptr ? fake->submitted : fake->operations.load();
    return cudaSuccess;
  };
  api.event_query = [](cudaEvent_t event) {
    const bool busy = fake->left_of_stream > 0 && fake->left_of_stream-- > 0;
    return busy || *reinterpret_cast<int*>(event) > fake->finishes ? cudaErrorNotReady
                                                                   : cudaSuccess;
  };
  api.event_destroy = [](cudaEvent_t) { return cudaSuccess; };
}

inline std::shared_ptr<const NcclApi> fake_nccl_api() {
  auto api = std::make_shared<NcclApi>();
  fake_life(*api);
  fake_operations(*api);
  fake_cuda(*api);
  return api;
}

}  // namespace incipit::comm
