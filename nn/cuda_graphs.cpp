// libincipit_cuda_graphs.so: CUDA graphs, captured by libtorch's at::cuda::CUDAGraph. It makes
// libtorch's caching allocator serve the allocations of captured work from a pool that only graphs
// use, so that their addresses stay valid when the graph is replayed.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <memory>
#include <utility>

#include "nn/cuda_graphs.h"

namespace incipit::nn {
namespace {

class CudaGraph final : public DeviceGraph {
 public:
  void replay() override { graph_.replay(); }

  // Records `work` on the current stream.
  void record(const std::function<void()>& work, c10::MempoolId_t pool) {
    // Other threads may use the device meanwhile.
    graph_.capture_begin(pool, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      try {
        graph_.capture_end();
      } catch (const c10::Error&) {
        // The first failure says more than that the capture is invalid.
      }
      throw;
    }
    graph_.capture_end();
  }

 private:
  at::cuda::CUDAGraph graph_;
};

class CudaGraphs final : public GraphBackend {
 public:
  explicit CudaGraphs(c10::Device device)
      : stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index())),
        pool_(at::cuda::graph_pool_handle()) {}

  std::unique_ptr<DeviceGraph> capture(std::function<void()> work) override {
    // CUDA does not capture the default stream. Only recording happens on this one.
    const c10::cuda::CUDAStreamGuard guard(stream_);
    auto graph = std::make_unique<CudaGraph>();
    graph->record(work, pool_);
    return graph;
  }

 private:
  c10::cuda::CUDAStream stream_;
  c10::MempoolId_t pool_;  // of all graphs, which take it in turns
};

}  // namespace
}  // namespace incipit::nn

extern "C" __attribute__((visibility("default"))) incipit::nn::GraphBackend*
INCIPIT_CUDA_GRAPHS_ENTRY(c10::DeviceIndex device) {
  return new incipit::nn::CudaGraphs({c10::DeviceType::CUDA, device});
}
