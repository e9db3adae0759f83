#include "launcher/same_inputs.h"

#include <ATen/core/Tensor.h>

#include <nlohmann/json.hpp>

#include "comm/agreement.h"
#include "core/json.h"
#include "core/sha256.h"
#include "data/example_key.h"
#include "launcher/system_info.h"
#include "model/json_file.h"

namespace incipit::launcher {
namespace {

std::string sha256_of(const at::Tensor& tensor) {
  const at::Tensor host = tensor.cpu().contiguous();
  return sha256_hex({static_cast<const std::byte*>(host.const_data_ptr()), host.nbytes()});
}

}  // namespace

void require_same_build(comm::Communicator& world) {
  comm::require_same(world, "build",
                     "incipit " + incipit_version() + ", libtorch " + libtorch_version());
}

std::string require_same_model(comm::Communicator& world, const model::ModelOptions& options,
                               const model::WeightFiles& weights) {
  const auto description = model::JsonObject::read(weights.model_dir() / "config.json");
  comm::require_same(world, "config.json of the model", dump_json(description.value(), 1));
  comm::require_same(world, "model",
                     "headers of the weight files: " + weights.header_fingerprint());
  std::string fingerprint = weights.fingerprint();
  comm::require_same(world, "weights of the model", "fingerprint of the weights: " + fingerprint);
  if (options.check_weights == model::CheckWeights::kWhole && world.size() > 1) {
    comm::require_same(world, "weights of the model",
                       "SHA-256 of all weights: " + weights.full_hash());
  }
  return fingerprint;
}

void require_same_text_model(comm::Communicator& world, const data::TaskModel& model) {
  comm::require_same(world, "tokenizer", "tokenizer: " + model.tokenizer->fingerprint());
  comm::require_same(world, "special tokens and chat format",
                     "special tokens and chat format: " + data::text_format_key(model));
}

void require_same_data(comm::Communicator& world, const data::LoadedTask& task) {
  const auto line = [&](const char* name, const data::Dataset& split) {
    return task.name + " " + name + ": " + std::to_string(split.size()) +
           " examples, fingerprint " + std::to_string(split.fingerprint()) + "\n";
  };
  comm::require_same(world, "data",
                     line("train", task.splits.train) + line("validation", task.splits.validation) +
                         line("test", task.splits.test) + task.name +
                         " text before every source: " + task.task->prefix_fingerprint() + "\n");
}

void require_same_prompts(comm::Communicator& world, const std::string& what,
                          std::span<const std::shared_ptr<methods::Trainable>> prompts) {
  if (world.size() == 1) return;
  std::string text;
  for (const auto& prompt : prompts) {
    if (!prompt) continue;
    for (const methods::Parameter& parameter : prompt->parameters()) {
      text += prompt->name() + " " + parameter.name + ": SHA-256 " + sha256_of(parameter.value);
      text += '\n';
    }
  }
  comm::require_same(world, what, text);
}

}  // namespace incipit::launcher
