// The safetensors format: a checked, memory-mapped reader and a deterministic writer.
//
//   bytes 0..7   length n of the header, little-endian
//   n bytes      JSON: {"__metadata__": {...}, "name": {"dtype": "F32", "shape": [...],
//                "data_offsets": [begin, end]}, ...}, padded with spaces
//   the rest     the tensors' bytes, row-major, without gaps or overlaps
//
// The reader makes the checks of the format's reference reader (header <= 100 MB, offsets in range,
// no overlaps or gaps, size = shape x dtype) before it allocates memory of a size that the file
// claims. It also rejects duplicate keys.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/files.h"

namespace incipit::model {

struct TensorInfo {
  at::ScalarType dtype = at::kFloat;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  // bytes, counted from the end of the header
  std::uint64_t end = 0;
  [[nodiscard]] std::uint64_t bytes() const { return end - begin; }
};

// Returns "[49152, 576]".
[[nodiscard]] std::string shape_text(at::IntArrayRef shape);

class SafetensorsFile {
 public:
  // Maps and checks the file. Throws DataError: file, tensor, reason.
  explicit SafetensorsFile(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const { return file_->path(); }
  [[nodiscard]] bool contains(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> names() const;               // sorted
  [[nodiscard]] const TensorInfo& info(std::string_view name) const;  // DataError when missing
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }
  [[nodiscard]] std::string_view header() const;  // the JSON text with its padding
  [[nodiscard]] std::uint64_t file_bytes() const { return file_->bytes().size(); }

  // Returns a tensor's bytes in the mapped file. Throws DataError if it is missing.
  [[nodiscard]] std::span<const std::byte> bytes(std::string_view name) const;

  // Returns a CPU view of the mapped file, which keeps the mapping alive. The memory is read-only:
  // writing to it crashes the process. (If the tensor is misaligned in the file, it is a copy.)
  // Throws DataError if the tensor is missing.
  [[nodiscard]] at::Tensor tensor(std::string_view name) const;
  // The same for rows [begin, end) of the first dimension. Does not read other pages.
  [[nodiscard]] at::Tensor rows(std::string_view name, std::int64_t begin, std::int64_t end) const;

 private:
  [[nodiscard]] at::Tensor view(const TensorInfo& info, std::uint64_t offset,
                                std::vector<std::int64_t> shape) const;

  std::shared_ptr<const MappedFile> file_;
  std::uint64_t data_begin_ = 0;
  std::map<std::string, TensorInfo, std::less<>> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Writes the tensors (any device, strides and supported dtype) and replaces the file atomically.
// Equal input gives equal bytes. Adds "format": "pt" to `metadata`, which PyTorch readers expect.
// Throws DataError with the file's name.
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, at::Tensor>& tensors,
                       std::map<std::string, std::string> metadata = {});

}  // namespace incipit::model
