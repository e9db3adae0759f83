// The weights of a Hugging Face model folder: one safetensors file, or shards and an index.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/safetensors.h"

namespace incipit::model {

// Returns the folder that contains config.json: `path` itself, or, for a folder of the Hugging Face
// hub's cache ("models--org--name"), the snapshot named by refs/main (without that file, the only
// snapshot). Throws DataError if there is none.
[[nodiscard]] std::filesystem::path resolve_model_dir(const std::filesystem::path& path);

class WeightFiles {
 public:
  // Opens model.safetensors, or model.safetensors.index.json and every shard that it names. Throws
  // DataError: file, tensor, reason. Rejects pickled weights (.bin, .pt) with a message that has
  // the command to convert them.
  explicit WeightFiles(const std::filesystem::path& model_dir);

  [[nodiscard]] bool contains(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> names() const;  // sorted
  [[nodiscard]] const TensorInfo& info(std::string_view name) const;

  // Returns a read-only view of the mapped file (see SafetensorsFile::tensor). Throws DataError if
  // the tensor is missing or does not have shape `shape`.
  [[nodiscard]] at::Tensor get(std::string_view name, at::IntArrayRef shape) const;
  // Throws as get() does.
  void require(std::string_view name, at::IntArrayRef shape) const { (void)checked(name, shape); }
  // Returns whether two tensors have the same bytes. Reads both.
  [[nodiscard]] bool same_bytes(std::string_view a, std::string_view b) const;
  // Returns rows [begin, end) of a tensor whose whole shape is `shape`.
  [[nodiscard]] at::Tensor get_rows(std::string_view name, at::IntArrayRef shape,
                                    std::int64_t begin, std::int64_t end) const;

  [[nodiscard]] std::int64_t total_bytes() const;      // of all tensors
  [[nodiscard]] std::int64_t parameter_count() const;  // elements of all tensors
  // Returns the SHA-256 (hex) of the files' headers and sizes, without the weights: cheap, and
  // equal for equal models. Ranks compare it before work starts.
  [[nodiscard]] std::string header_fingerprint() const;
  // Returns the hash by which adapters and runs identify the weights: SHA-256 (hex) of the name,
  // type and shape of every tensor and a sample of its bytes (docs/decisions/0006). Equal for equal
  // weights, however they are divided into files. Reads at most 32 KiB of a tensor.
  [[nodiscard]] std::string fingerprint() const;
  // The same over all bytes. Takes about a second per GB.
  [[nodiscard]] std::string full_hash() const;
  [[nodiscard]] const std::filesystem::path& model_dir() const { return model_dir_; }

 private:
  void open_shards(const std::filesystem::path& index);
  // Returns the SHA-256 of every tensor's description and of the bytes that `add(hash, bytes)`
  // adds.
  template <typename Add>
  [[nodiscard]] std::string hash_tensors(Add&& add) const;
  [[nodiscard]] const SafetensorsFile& file_of(std::string_view name) const;
  const SafetensorsFile& checked(std::string_view name, at::IntArrayRef shape) const;

  std::filesystem::path model_dir_;
  std::vector<SafetensorsFile> files_;  // by file name
  std::map<std::string, std::size_t, std::less<>> file_index_;
};

}  // namespace incipit::model
