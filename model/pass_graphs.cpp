#include "model/pass_graphs.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "core/check.h"
#include "core/phase.h"
#include "model/pass_state.h"
#include "nn/flops.h"
#include "nn/input_buffer.h"
#include "nn/ops.h"

namespace incipit::model {
namespace {

constexpr std::size_t kMostSizesMet = 1024;

// Whether graphs compute such a pass at all.
bool can_capture(const Backbone& backbone, const Forest& forest, const ForestPassOptions& options) {
  const Placement& placement = backbone.placement();
  const auto is_causal = [](const nn::Block& block) {
    return !block.attention.rule.full && !block.cross;
  };
  // The memory of the gradients is another one in the next step.
  const auto has_new_gradients = [](const nn::KeyValueStore* store) {
    return !store->stays && !store->layers.empty() && store->layers.front().grad_keys.defined();
  };
  return placement.tensor->size() * placement.fsdp->size() * placement.pipeline->size() == 1 &&
         options.class_head == nullptr && !options.teacher.defined() && !options.hidden_only &&
         !options.on_layer && !options.keep_keys_values && !backbone.weights().trains() &&
         !forest.targets.empty() && forest.row_count(1) == 0 &&
         std::all_of(backbone.blocks().begin(), backbone.blocks().end(), is_causal) &&
         std::none_of(options.residents.begin(), options.residents.end(), has_new_gradients);
}

at::Tensor copy_of(const at::Tensor& x) { return at::empty(x.sizes(), x.options()).copy_(x); }

}  // namespace

// The work of passes of the same sizes, and all memory that it reads.
struct PassGraphs::Graph {
  std::vector<std::int64_t> sizes;
  nn::InputBuffer inputs;
  std::vector<at::Tensor> prompts, gradients;  // undefined where a prompt is
  at::Tensor grad;                             // [targets] float64
  std::unique_ptr<PassState> state;            // of the pass that was captured
  std::unique_ptr<nn::DeviceGraph> forward, backward;
  double forward_flops = 0, backward_flops = 0;

  Graph(std::vector<std::int64_t> of_sizes, nn::InputBuffer collected, const Backbone& backbone,
        const Forest& forest, std::span<const at::Tensor> from, const ForestPassOptions& options,
        const std::vector<nn::ops::RotaryTable>& rotary)
      : sizes(std::move(of_sizes)), inputs(std::move(collected)) {
    for (const at::Tensor& prompt : from) {
      const auto like = [&] {
        return prompt.defined() ? at::empty(prompt.sizes(), prompt.options()) : at::Tensor();
      };
      prompts.push_back(like());
      gradients.push_back(like());
    }
    grad = at::empty({std::ssize(forest.targets)},
                     at::TensorOptions(backbone.device()).dtype(at::kDouble));
    inputs.allocate();
    const nn::InputBuffer::Collect scope(inputs);
    state = std::make_unique<PassState>(backbone, forest, prompts, options, &rotary);
    (void)state->shape();  // makes all index arrays
  }

  void set_prompts(std::span<const at::Tensor> from) const {
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      if (prompts[i].defined()) at::Tensor(prompts[i]).copy_(from[i]);
    }
  }
};

std::string GraphCounts::text() const {
  return "CUDA graphs: " + std::to_string(replayed) + " of " + std::to_string(passes()) +
         " passes replayed, " + std::to_string(captured) + " captured, " + std::to_string(first) +
         " of new sizes, " + std::to_string(refused) + " without a graph; " +
         std::to_string(dropped) + " graphs dropped";
}

PassGraphs::PassGraphs(std::unique_ptr<nn::GraphBackend> backend, const GraphLimits& limits)
    : backend_(std::move(backend)), limits_(limits) {}

PassGraphs::~PassGraphs() = default;

const std::vector<nn::ops::RotaryTable>& PassGraphs::rotary(const Backbone& backbone,
                                                            std::int64_t positions) {
  if (positions > positions_) {
    constexpr std::uint64_t kLeast = 512;
    positions_ = static_cast<std::int64_t>(
        std::bit_ceil(std::max(kLeast, static_cast<std::uint64_t>(positions))));
    rotary_ = backbone.rotary_tables(positions_);
  }
  return rotary_;
}

std::shared_ptr<PassGraphs::Graph> PassGraphs::find(const std::vector<std::int64_t>& sizes) {
  const auto found = std::find_if(graphs_.begin(), graphs_.end(),
                                  [&](const auto& graph) { return graph->sizes == sizes; });
  if (found == graphs_.end()) return nullptr;
  graphs_.splice(graphs_.begin(), graphs_, found);
  return graphs_.front();
}

void PassGraphs::keep(const std::shared_ptr<Graph>& graph) {
  graphs_.push_front(graph);
  if (graphs_.size() <= limits_.graphs) return;
  graphs_.pop_back();
  ++counts_.dropped;
}

// Runs work that was captured, or captures it first. Adds its FLOPs to the thread's.
void PassGraphs::run(std::unique_ptr<nn::DeviceGraph>& graph, double& flops,
                     const std::function<void()>& work) {
  const PhasePause pause;
  const nn::InputBuffer::Forbid forbid;
  if (graph == nullptr) {
    const double before = nn::counted_flops();
    graph = backend_->capture(work);
    graph->replay();
    flops = nn::counted_flops() - before;
    return;
  }
  {
    const nn::Recomputation scope;
    graph->replay();
  }
  nn::count_flops(flops);
}

std::unique_ptr<PassReplay> PassGraphs::forward(const Backbone& backbone, const Forest& forest,
                                                std::span<const at::Tensor> prompts,
                                                const ForestPassOptions& options) {
  const auto refuse = [this] {
    ++counts_.refused;
    return nullptr;
  };
  if (is_busy_ || forest.row_count() > limits_.max_rows ||
      !can_capture(backbone, forest, options)) {
    return refuse();
  }
  const std::optional<Forest> padded = padded_to_bucket(forest, backbone.spec().outputs());
  if (!padded) return refuse();
  const auto& tables = rotary(backbone, position_count(*padded));
  nn::InputBuffer inputs(backbone.device());
  std::vector<std::int64_t> sizes;
  {
    const nn::InputBuffer::Collect scope(inputs);
    sizes = PassState(backbone, *padded, prompts, options, &tables).shape();
  }
  if (sizes.empty()) return refuse();
  sizes.insert(sizes.end(), inputs.layout().begin(), inputs.layout().end());
  std::shared_ptr<Graph> graph = find(sizes);
  if (graph == nullptr && met_.insert(sizes).second) {
    ++counts_.first;
    if (met_.size() > kMostSizesMet) met_.clear();
    return nullptr;
  }
  ++(graph ? counts_.replayed : counts_.captured);
  if (graph == nullptr) {
    graph = std::make_shared<Graph>(std::move(sizes), inputs, backbone, *padded, prompts, options,
                                    tables);
    keep(graph);
  }
  graph->inputs.fill(inputs);
  graph->set_prompts(prompts);
  Graph& work = *graph;
  run(work.forward, work.forward_flops, [&work] { work.state->forward(work.prompts); });
  return std::make_unique<PassReplay>(*this, std::move(graph), forest, options);
}

PassReplay::PassReplay(PassGraphs& graphs, std::shared_ptr<PassGraphs::Graph> graph,
                       const Forest& forest, const ForestPassOptions& options)
    : graphs_(graphs),
      graph_(std::move(graph)),
      targets_(std::ssize(forest.targets)),
      waits_(options.for_backward) {
  graphs_.is_busy_ = waits_;
  // Copies, since other graphs take the same memory.
  const nn::Scores& scores = graph_->state->scores();
  log_likelihoods_ = copy_of(scores.log_likelihoods().narrow(0, 0, targets_));
  argmax_ = copy_of(scores.argmax().narrow(0, 0, targets_));
  if (!options.keep_logits) return;
  const std::vector<Target>& all = forest.targets;
  std::int64_t rows = 0;
  for (std::size_t t = 0; t < all.size(); ++t) rows += t == 0 || all[t].row != all[t - 1].row;
  logits_ = copy_of(scores.logits().narrow(0, 0, rows));
}

PassReplay::~PassReplay() {
  if (waits_) graphs_.is_busy_ = false;
}

void PassReplay::backward(const at::Tensor& grad, std::span<at::Tensor> prompt_gradients) {
  INCIPIT_CHECK(waits_, "backward of a pass that kept nothing for it");
  INCIPIT_CHECK(grad.size(0) == targets_, "a gradient per target");
  PassGraphs::Graph& work = *graph_;
  nn::ops::clear_(work.grad);  // of the padding
  work.grad.narrow(0, 0, targets_).copy_(grad);
  graphs_.run(work.backward, work.backward_flops, [&work] {
    for (at::Tensor& gradient : work.gradients) {
      if (gradient.defined()) nn::ops::clear_(gradient);
    }
    work.state->backward(work.grad, work.gradients, {});
  });
  for (std::size_t i = 0; i < work.gradients.size(); ++i) {
    if (prompt_gradients[i].defined()) {
      nn::ops::accumulate_(prompt_gradients[i], work.gradients[i]);
    }
  }
  waits_ = graphs_.is_busy_ = false;
}

}  // namespace incipit::model
