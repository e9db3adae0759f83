// Captured work of a device (CUDA graphs): recorded once, then repeated by one launch with the same
// sizes and addresses.
#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <memory>
#include <string>

namespace incipit::nn {

class DeviceGraph {
 public:
  virtual ~DeviceGraph() = default;
  // Enqueues the work on the current stream, after what was enqueued there before.
  virtual void replay() = 0;
};

class GraphBackend {
 public:
  virtual ~GraphBackend() = default;
  // Records what `work` enqueues on the current stream; nothing is computed. Memory that `work`
  // allocates belongs to the backend's graphs, which all take it in turns: what one left there is
  // valid until another one is replayed. `work` must outlive the graph, and must not wait for the
  // device, copy from host memory or enqueue work on other streams.
  [[nodiscard]] virtual std::unique_ptr<DeviceGraph> capture(std::function<void()> work) = 0;
};

// The graphs of a device, or why there are none.
struct LoadedGraphs {
  std::unique_ptr<GraphBackend> backend;
  std::string problem;
};

// Loads libincipit_cuda_graphs.so, which is searched for like the kernels (kernels/cuda/module.h),
// and the kernels. `device` is a GPU.
[[nodiscard]] LoadedGraphs load_graphs(c10::Device device);

}  // namespace incipit::nn
