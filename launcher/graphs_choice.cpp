#include "launcher/graphs_choice.h"

#include <limits>
#include <memory>
#include <string>

#include "core/error.h"
#include "core/log.h"
#include "model/pass_graphs.h"
#include "nn/device_graphs.h"

namespace incipit::launcher {
namespace {

using model::CudaGraphs;

// Returns why graphs cannot be used in this run, or nothing.
std::string obstacle(const Session& session) {
  if (session.model_choice.options.device != model::Device::kCuda) {
    return "the model is not on a GPU";
  }
  const comm::MeshShape& shape = session.mesh->shape();
  if (shape.tensor * shape.fsdp * shape.pipeline > 1) {
    return "several ranks have the model together (parallel.tensor, fsdp, pipeline)";
  }
  if (session.config.run.deterministic) {
    return "run.deterministic is true, but whether a batch is padded depends on the batches before "
           "it";
  }
  return "";
}

[[noreturn]] void refuse(const std::string& problem) {
  throw ConfigError("model.cuda_graphs: on, but " + problem + "; set it to auto or off");
}

}  // namespace

void check_graphs(const Session& session) {
  const std::string problem = obstacle(session);
  if (session.config.model.cuda_graphs == CudaGraphs::kOn && !problem.empty()) refuse(problem);
}

void choose_graphs(Session& session) {
  const CudaGraphs wanted = session.config.model.cuda_graphs;
  if (wanted == CudaGraphs::kOff || !obstacle(session).empty()) return;
  nn::LoadedGraphs loaded = nn::load_graphs(session.backbone->device());
  if (loaded.backend == nullptr) {
    if (wanted == CudaGraphs::kOn) refuse(loaded.problem);
    log::warn("no CUDA graphs: {}", loaded.problem);
    return;
  }
  model::GraphLimits limits;
  if (wanted == CudaGraphs::kOn) limits.max_rows = std::numeric_limits<std::int64_t>::max();
  session.backbone->set_graphs(
      std::make_shared<model::PassGraphs>(std::move(loaded.backend), limits));
}

void log_graphs(const Session& session) {
  const model::PassGraphs* const graphs = session.backbone->graphs();
  if (graphs == nullptr || graphs->counts().passes() == 0 || !session.is_rank_zero()) return;
  log::info("{}", graphs->counts().text());
}

}  // namespace incipit::launcher
