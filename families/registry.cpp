#include "families/registry.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/text.h"
#include "families/gemma/config.h"
#include "families/gpt2/config.h"
#include "families/llama/config.h"
#include "model/weight_files.h"

namespace incipit::families {
namespace {

std::vector<Family>& registered() {
  static std::vector<Family> all{llama::family(), gpt2::family(), gemma::family()};
  return all;
}

const Family* find(const std::string& model_type) {
  for (const Family& family : registered()) {
    const auto& types = family.model_types;
    if (std::find(types.begin(), types.end(), model_type) != types.end()) return &family;
  }
  return nullptr;
}

std::vector<std::string> supported() {
  std::vector<std::string> all;
  for (const Family& family : registered()) {
    all.insert(all.end(), family.model_types.begin(), family.model_types.end());
  }
  return all;
}

}  // namespace

void add_family(Family family) {
  for (const std::string& type : family.model_types) {
    INCIPIT_CHECK(find(type) == nullptr, "model type ", type, " is there already");
  }
  registered().push_back(std::move(family));
}

const std::vector<Family>& all_families() { return registered(); }

model::ModelSpec read_model(const std::filesystem::path& model_dir) {
  const auto json = model::JsonObject::read(model::resolve_model_dir(model_dir) / "config.json");
  const std::string type = json.text("model_type");
  const Family* family = find(type);
  if (family == nullptr) {
    json.fail("model_type", "'" + type + "' is not supported; supported: " + join(supported()));
  }
  return family->read(json);
}

}  // namespace incipit::families
