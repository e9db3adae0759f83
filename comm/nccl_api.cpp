#include "comm/nccl_api.h"

#include <dlfcn.h>

#include <string>

#include "core/error.h"

namespace incipit::comm {
namespace {

// The library is never closed: NCCL leaves threads and exit handlers.
void* open_library(const std::string& name, const std::string& folder) {
  void* library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) library = ::dlopen((folder + "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = ::dlerror();
    throw ConfigError("parallel.backend: nccl needs " + name + ", which cannot be loaded (" +
                      (reason == nullptr ? "no reason given" : reason) +
                      "); add its folder to LD_LIBRARY_PATH, or use mpi");
  }
  return library;
}

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) {
    throw ConfigError(std::string("parallel.backend: nccl: the library loaded has no ") + name +
                      "; NCCL 2.14 or later and CUDA runtime 13 are needed");
  }
}

}  // namespace

std::shared_ptr<const NcclApi> load_nccl() {
  auto api = std::make_shared<NcclApi>();
  void* const cuda = open_library("libcudart.so.13", INCIPIT_CUDART_FOLDER);
  void* const nccl = open_library("libnccl.so.2", INCIPIT_NCCL_FOLDER);
  find(nccl, "ncclGetUniqueId", api->get_unique_id);
  find(nccl, "ncclCommInitRankConfig", api->init_rank);
  find(nccl, "ncclCommGetAsyncError", api->get_async_error);
  find(nccl, "ncclGetErrorString", api->error_string);
  find(nccl, "ncclGetLastError", api->last_error);
  find(nccl, "ncclCommFinalize", api->finalize);
  find(nccl, "ncclCommDestroy", api->destroy);
  find(nccl, "ncclCommAbort", api->abort);
  find(nccl, "ncclGroupStart", api->group_start);
  find(nccl, "ncclGroupEnd", api->group_end);
  find(nccl, "ncclAllReduce", api->all_reduce);
  find(nccl, "ncclBroadcast", api->broadcast);
  find(nccl, "ncclAllGather", api->all_gather);
  find(nccl, "ncclReduceScatter", api->reduce_scatter);
  find(nccl, "ncclSend", api->send);
  find(nccl, "ncclRecv", api->recv);
  find(cuda, "cudaGetDeviceCount", api->device_count);
  find(cuda, "cudaSetDevice", api->set_device);
  find(cuda, "cudaDeviceGetPCIBusId", api->pci_bus_id);
  find(cuda, "cudaGetErrorString", api->cuda_error_string);
  find(cuda, "cudaPointerGetAttributes", api->pointer_attributes);
  find(cuda, "cudaStreamCreateWithFlags", api->stream_create);
  find(cuda, "cudaStreamDestroy", api->stream_destroy);
  find(cuda, "cudaStreamWaitEvent", api->stream_wait_event);
  find(cuda, "cudaEventCreateWithFlags", api->event_create);
  find(cuda, "cudaEventRecord", api->event_record);
  find(cuda, "cudaEventQuery", api->event_query);
  find(cuda, "cudaEventDestroy", api->event_destroy);
  return api;
}

}  // namespace incipit::comm
