// Passes as captured graphs (CUDA graphs): a device repeats the work of a pass on other numbers,
// and the host launches once. Pays where launches cost more than the work: small batches.
//
// A graph repeats sizes and addresses. So batches are padded to buckets (core/padding.h), all index
// arrays of a pass are uploaded into one buffer, and prompts and gradients are copied into tensors
// that stay; prefixes and additions to linear maps keep their own. A pass whose sizes were not met
// before runs without a graph; the second one with the same sizes is captured, later ones are
// replayed. The graphs least recently used are dropped.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/forest.h"
#include "model/backbone.h"
#include "model/forest_pass.h"
#include "nn/device_graphs.h"

namespace incipit::model {

struct GraphLimits {
  std::int64_t max_rows = 2048;  // of a forest; larger ones run without graphs
  std::size_t graphs = 16;       // sizes for which graphs are kept
};

// Numbers of passes.
struct GraphCounts {
  std::int64_t replayed = 0;
  std::int64_t captured = 0;
  std::int64_t first = 0;    // of sizes not met before
  std::int64_t refused = 0;  // that graphs cannot compute, or larger than the limit
  std::int64_t dropped = 0;  // graphs
  [[nodiscard]] std::int64_t passes() const { return replayed + captured + first + refused; }
  // Returns "CUDA graphs: 90 of 100 passes replayed, 4 captured, 6 of new sizes, 0 without a graph;
  // 0 graphs dropped".
  [[nodiscard]] std::string text() const;
};

class PassReplay;

class PassGraphs {
 public:
  explicit PassGraphs(std::unique_ptr<nn::GraphBackend> backend, const GraphLimits& limits = {});
  ~PassGraphs();
  PassGraphs(const PassGraphs&) = delete;
  PassGraphs& operator=(const PassGraphs&) = delete;

  // Runs the forward pass of ForestPass by a graph. Returns null if the caller must run it: the
  // sizes are new, or graphs do not compute such a pass (docs/gpu.md lists them).
  [[nodiscard]] std::unique_ptr<PassReplay> forward(const Backbone& backbone, const Forest& forest,
                                                    std::span<const at::Tensor> prompts,
                                                    const ForestPassOptions& options);

  [[nodiscard]] const GraphCounts& counts() const { return counts_; }

 private:
  friend class PassReplay;
  struct Graph;
  [[nodiscard]] const std::vector<nn::ops::RotaryTable>& rotary(const Backbone& backbone,
                                                                std::int64_t positions);
  [[nodiscard]] std::shared_ptr<Graph> find(const std::vector<std::int64_t>& sizes);
  void keep(const std::shared_ptr<Graph>& graph);
  void run(std::unique_ptr<nn::DeviceGraph>& graph, double& flops,
           const std::function<void()>& work);

  std::unique_ptr<nn::GraphBackend> backend_;
  GraphLimits limits_;
  GraphCounts counts_;
  std::list<std::shared_ptr<Graph>> graphs_;  // the most recently used first
  std::set<std::vector<std::int64_t>> met_;   // sizes without a graph
  std::vector<nn::ops::RotaryTable> rotary_;
  std::int64_t positions_ = 0;  // of rotary_
  // A pass is between forward and backward. Graphs share their memory, so no other may run.
  bool is_busy_ = false;
};

// A pass that a graph computed. Functions as those of ForestPass.
class PassReplay {
 public:
  PassReplay(PassGraphs& graphs, std::shared_ptr<PassGraphs::Graph> graph, const Forest& forest,
             const ForestPassOptions& options);
  ~PassReplay();
  PassReplay(const PassReplay&) = delete;
  PassReplay& operator=(const PassReplay&) = delete;

  [[nodiscard]] const at::Tensor& log_likelihoods() const { return log_likelihoods_; }
  [[nodiscard]] const at::Tensor& argmax() const { return argmax_; }
  [[nodiscard]] const at::Tensor& logits() const { return logits_; }
  void backward(const at::Tensor& grad, std::span<at::Tensor> prompt_gradients);

 private:
  PassGraphs& graphs_;
  std::shared_ptr<PassGraphs::Graph> graph_;
  std::int64_t targets_;
  bool waits_;  // for backward()
  at::Tensor log_likelihoods_, argmax_, logits_;
};

// Pads a forest so that passes over similar ones have equal sizes. Returns nothing if that does not
// pay, or if it would need more than `outputs` ids of targets.
[[nodiscard]] std::optional<Forest> padded_to_bucket(const Forest& forest, std::int64_t outputs);

}  // namespace incipit::model
