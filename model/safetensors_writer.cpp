#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "core/files.h"
#include "core/json.h"
#include "model/json_file.h"
#include "model/safetensors.h"
#include "model/safetensors_types.h"

namespace incipit::model {
namespace {

constexpr std::size_t kAlignment = 8;  // of the data, as in the reference writer

struct NamedTensor {
  std::string name;
  at::Tensor tensor;  // contiguous, on the CPU
};

// Orders tensors by element size, largest first, so that each is aligned; then by name.
std::vector<NamedTensor> in_file_order(const std::map<std::string, at::Tensor>& tensors) {
  std::vector<NamedTensor> ordered;
  for (const auto& [name, tensor] : tensors) {
    INCIPIT_CHECK(name != "__metadata__", "the format reserves this name");
    INCIPIT_CHECK(tensor.defined(), "tensor ", name);
    INCIPIT_CHECK(!safetensors_dtype_name(tensor.scalar_type()).empty(), "dtype of tensor ", name);
    ordered.push_back({name, tensor.detach().to(at::kCPU).contiguous()});
  }
  std::stable_sort(ordered.begin(), ordered.end(), [](const NamedTensor& a, const NamedTensor& b) {
    return a.tensor.element_size() > b.tensor.element_size();
  });
  return ordered;
}

std::string header_text(const std::vector<NamedTensor>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header;
  header["__metadata__"] = metadata;
  std::size_t begin = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t end = begin + tensor.nbytes();
    nlohmann::ordered_json& entry = header[name];
    entry["dtype"] = safetensors_dtype_name(tensor.scalar_type());
    entry["shape"] = std::vector<std::int64_t>(tensor.sizes().begin(), tensor.sizes().end());
    entry["data_offsets"] = {begin, end};
    begin = end;
  }
  std::string text = dump_json(header, -1, BadUtf8::kReplace);
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  return text;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, at::Tensor>& tensors,
                       std::map<std::string, std::string> metadata) {
  metadata["format"] = "pt";
  const std::vector<NamedTensor> ordered = in_file_order(tensors);
  const std::string header = header_text(ordered, metadata);
  const std::uint64_t length = header.size();

  std::string content(sizeof(length), '\0');
  std::memcpy(content.data(), &length, sizeof(length));
  content += header;
  std::size_t data_bytes = 0;
  for (const NamedTensor& named : ordered) data_bytes += named.tensor.nbytes();
  content.reserve(content.size() + data_bytes);
  for (const NamedTensor& named : ordered) {
    content.append(static_cast<const char*>(named.tensor.const_data_ptr()), named.tensor.nbytes());
  }
  write_atomically(path, content);
}

}  // namespace incipit::model
