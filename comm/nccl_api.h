// The functions of NCCL and the CUDA runtime that we call, loaded at run time.
//
// A table of functions instead of linking: one build runs on machines with and without GPUs, and
// tests use their own table to make NCCL fail on purpose.
#pragma once

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <memory>

namespace incipit::comm {

struct NcclApi {
  decltype(&::ncclGetUniqueId) get_unique_id = nullptr;
  decltype(&::ncclCommInitRankConfig) init_rank = nullptr;
  decltype(&::ncclCommGetAsyncError) get_async_error = nullptr;
  decltype(&::ncclGetErrorString) error_string = nullptr;
  decltype(&::ncclGetLastError) last_error = nullptr;
  decltype(&::ncclCommFinalize) finalize = nullptr;
  decltype(&::ncclCommDestroy) destroy = nullptr;
  decltype(&::ncclCommAbort) abort = nullptr;
  decltype(&::ncclGroupStart) group_start = nullptr;
  decltype(&::ncclGroupEnd) group_end = nullptr;
  decltype(&::ncclAllReduce) all_reduce = nullptr;
  decltype(&::ncclBroadcast) broadcast = nullptr;
  decltype(&::ncclAllGather) all_gather = nullptr;
  decltype(&::ncclReduceScatter) reduce_scatter = nullptr;
  decltype(&::ncclSend) send = nullptr;
  decltype(&::ncclRecv) recv = nullptr;

  decltype(&::cudaGetDeviceCount) device_count = nullptr;
  decltype(&::cudaSetDevice) set_device = nullptr;
  decltype(&::cudaDeviceGetPCIBusId) pci_bus_id = nullptr;
  decltype(&::cudaGetErrorString) cuda_error_string = nullptr;
  cudaError_t (*pointer_attributes)(cudaPointerAttributes*, const void*) = nullptr;
  decltype(&::cudaStreamCreateWithFlags) stream_create = nullptr;
  decltype(&::cudaStreamDestroy) stream_destroy = nullptr;
  decltype(&::cudaStreamWaitEvent) stream_wait_event = nullptr;
  cudaError_t (*event_create)(cudaEvent_t*, unsigned int) = nullptr;
  cudaError_t (*event_record)(cudaEvent_t, cudaStream_t) = nullptr;
  decltype(&::cudaEventQuery) event_query = nullptr;
  decltype(&::cudaEventDestroy) event_destroy = nullptr;
};

// Loads libnccl.so.2 and libcudart.so.13 through the dynamic linker's search path, else from beside
// the headers of the build. Throws ConfigError with the name of what is missing.
[[nodiscard]] std::shared_ptr<const NcclApi> load_nccl();

}  // namespace incipit::comm
