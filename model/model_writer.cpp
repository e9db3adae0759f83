#include "model/model_writer.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "model/safetensors.h"

namespace incipit::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "config.json";
constexpr const char* kPrepared = "incipit_prepared.json";  // set-up's record of the original

std::string dtype_name(at::ScalarType dtype) {
  switch (dtype) {
    case at::kBFloat16:
      return "bfloat16";
    case at::kHalf:
      return "float16";
    case at::kDouble:
      return "float64";
    default:
      return "float32";
  }
}

// Whether a file of a model folder describes the model or its tokenizer.
bool describes(const fs::path& file) {
  constexpr std::array<std::string_view, 4> kKinds{".json", ".txt", ".model", ".jinja"};
  const bool indexes_weights = file.filename().string().ends_with(".index.json");
  return !indexes_weights && file.filename() != kConfig && file.filename() != kPrepared &&
         std::find(kKinds.begin(), kKinds.end(), file.extension().string()) != kKinds.end();
}

void write_config(const fs::path& folder, const fs::path& source, at::ScalarType dtype) {
  const std::string text = read_text(source / kConfig);
  nlohmann::ordered_json config;
  try {
    config = incipit::parse_json<nlohmann::ordered_json>(text);
  } catch (const nlohmann::json::exception& error) {
    throw DataError((source / kConfig).string() + ": " + error.what());
  }
  // transformers 5 writes dtype; older versions wrote torch_dtype.
  if (config.contains("torch_dtype")) config["torch_dtype"] = dtype_name(dtype);
  if (config.contains("dtype") || !config.contains("torch_dtype")) {
    config["dtype"] = dtype_name(dtype);
  }
  write_atomically(folder / kConfig, dump_json(config, 2) + "\n");
}

}  // namespace

void write_model(const fs::path& folder, const std::map<std::string, at::Tensor>& tensors,
                 const fs::path& source) {
  write_safetensors(folder / "model.safetensors", tensors);
  if (source.empty()) return;
  std::error_code error;
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(source, error)) {
    if (entry.is_regular_file() && describes(entry.path())) files.push_back(entry.path());
  }
  if (error) throw DataError(source.string() + ": cannot be read: " + error.message());
  for (const fs::path& file : files) write_atomically(folder / file.filename(), read_text(file));
  write_config(folder, source, tensors.begin()->second.scalar_type());
}

}  // namespace incipit::model
