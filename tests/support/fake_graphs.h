// Captured graphs of the host: a replay runs the work again as it was captured, with the tensors
// and numbers of the first pass. So it sees another batch only through memory that stays, as the
// graphs of a GPU do.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "nn/device_graphs.h"

namespace incipit::testing {

struct GraphCalls {
  int captures = 0, replays = 0, destroyed = 0;
};

class FakeGraphs final : public nn::GraphBackend {
 public:
  explicit FakeGraphs(GraphCalls& calls) : calls_(calls) {}
  std::unique_ptr<nn::DeviceGraph> capture(std::function<void()> work) override {
    ++calls_.captures;
    return std::make_unique<Graph>(std::move(work), calls_);
  }

 private:
  class Graph final : public nn::DeviceGraph {
   public:
    Graph(std::function<void()> work, GraphCalls& calls) : work_(std::move(work)), calls_(calls) {}
    ~Graph() override { ++calls_.destroyed; }
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;
    void replay() override {
      ++calls_.replays;
      work_();
    }

   private:
    std::function<void()> work_;
    GraphCalls& calls_;
  };
  GraphCalls& calls_;
};

}  // namespace incipit::testing
