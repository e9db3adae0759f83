#include "model/merge.h"

#include "core/error.h"
#include "model/as_stored.h"
#include "model/model_writer.h"

namespace incipit::model {

void write_merged(const std::filesystem::path& folder, const WeightFiles& files,
                  const ModelSpec& spec, const std::map<std::string, at::Tensor>& changes) {
  if (std::filesystem::exists(folder)) {
    throw DataError(folder.string() + ": exists already; expected a new folder");
  }
  std::map<std::string, at::Tensor> tensors;
  for (const std::string& name : files.names()) {
    tensors[name] = files.get(name, files.info(name).shape);
  }
  for (const auto& [name, change] : changes) {
    const std::string stored = stored_name(name, spec, files);
    files.require(stored, change.sizes());
    at::Tensor& weight = tensors.at(stored);
    weight = weight.to(at::kFloat).add(change).to(weight.scalar_type());
  }
  write_model(folder, tensors, files.model_dir());
}

}  // namespace incipit::model
