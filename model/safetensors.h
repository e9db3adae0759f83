// The safetensors format: a checked, memory-mapped reader and a deterministic writer.
//
//   bytes 0..7   length n of the header, little-endian
//   n bytes      JSON: {"__metadata__": {...}, "name": {"dtype": "F32", "shape": [...],
//                "data_offsets": [begin, end]}, ...}, padded with spaces
//   the rest     the tensors' bytes, row-major, without gap or overlap
//
// Everything is checked as the format's reference reader does (header <= 100 MB, offsets in
// range, no overlap or hole, size = shape x dtype) before anything of a claimed size is
// allocated. Duplicate keys are refused too.
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

// "[49152, 576]"
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

  // A tensor's bytes in the mapped file. Throws DataError when missing.
  [[nodiscard]] std::span<const std::byte> bytes(std::string_view name) const;

  // A view of the mapped file, on the CPU; the view keeps the mapping alive. The memory is
  // read-only: writing to it ends the process. (Where the file places a tensor at an
  // address that does not suit its type, it is a copy.) Throws DataError when missing.
  [[nodiscard]] at::Tensor tensor(std::string_view name) const;
  // Rows [begin, end) of the first dimension, likewise; other pages are not read.
  [[nodiscard]] at::Tensor rows(std::string_view name, std::int64_t begin, std::int64_t end) const;

 private:
  [[nodiscard]] at::Tensor view(const TensorInfo& info, std::uint64_t offset,
                                std::vector<std::int64_t> shape) const;

  std::shared_ptr<const MappedFile> file_;
  std::uint64_t data_begin_ = 0;
  std::map<std::string, TensorInfo, std::less<>> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Writes the tensors (any device, strides and supported dtype) in one atomic replacement;
// equal input gives equal bytes. "format": "pt" joins `metadata`, as PyTorch readers
// expect. Throws DataError naming the file.
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, at::Tensor>& tensors,
                       std::map<std::string, std::string> metadata = {});

}  // namespace incipit::model
