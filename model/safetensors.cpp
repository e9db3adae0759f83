#include "model/safetensors.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/ScalarType.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/check.h"
#include "core/json.h"
#include "model/safetensors_types.h"

namespace incipit::model {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference reader's limit

// Parses one header. Every message names file and tensor.
class HeaderReader {
 public:
  HeaderReader(const std::filesystem::path& path, std::uint64_t data_bytes)
      : path_(path), data_bytes_(data_bytes) {}

  [[nodiscard]] TensorInfo tensor(const std::string& name, const nlohmann::json& entry) const {
    if (!entry.is_object()) fail(name, "its entry must be an object");
    TensorInfo info;
    info.dtype = dtype(name, entry);
    info.shape = shape(name, entry);
    const std::vector<std::uint64_t> offsets = whole_numbers(name, entry, "data_offsets");
    if (offsets.size() != 2) fail(name, "data_offsets must be [begin, end]");
    info.begin = offsets[0];
    info.end = offsets[1];
    if (info.begin > info.end) fail(name, "data_offsets end before they begin");
    if (info.end > data_bytes_) {
      fail(name, "data_offsets end at byte " + std::to_string(info.end) + ", but the file has " +
                     std::to_string(data_bytes_) + " bytes of data: is it truncated?");
    }
    check_size(name, info);
    return info;
  }

  [[nodiscard]] std::map<std::string, std::string> metadata(const nlohmann::json& entry) const {
    std::map<std::string, std::string> metadata;
    if (entry.is_null()) return metadata;
    if (!entry.is_object()) fail_file("__metadata__ must be an object");
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string()) fail_file("__metadata__." + key + " must be a string");
      metadata.emplace(key, value.get<std::string>());
    }
    return metadata;
  }

  // Checks that the tensors cover every byte of the data exactly once.
  void check_coverage(const std::map<std::string, TensorInfo, std::less<>>& tensors) const {
    using Entry = std::pair<const std::string, TensorInfo>;
    std::vector<const Entry*> sorted;
    for (const Entry& entry : tensors) sorted.push_back(&entry);
    std::sort(sorted.begin(), sorted.end(), [](const Entry* a, const Entry* b) {
      return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
    });
    std::uint64_t covered = 0;
    for (const Entry* entry : sorted) {
      const std::uint64_t begin = entry->second.begin;
      if (begin != covered) {
        fail(entry->first, std::string("data_offsets begin at byte ") + std::to_string(begin) +
                               ", but the tensors before it end at " + std::to_string(covered) +
                               (begin < covered ? " (overlap)" : " (hole)"));
      }
      covered = entry->second.end;
    }
    if (covered != data_bytes_) {
      fail_file("the tensors end at byte " + std::to_string(covered) + " of the data, which has " +
                std::to_string(data_bytes_) + " bytes");
    }
  }

  [[noreturn]] void fail(const std::string& name, const std::string& reason) const {
    throw DataError(path_.string() + ": tensor '" + name + "': " + reason);
  }
  [[noreturn]] void fail_file(const std::string& reason) const {
    throw DataError(path_.string() + ": " + reason);
  }

 private:
  [[nodiscard]] at::ScalarType dtype(const std::string& name, const nlohmann::json& entry) const {
    const auto found = entry.find("dtype");
    if (found == entry.end() || !found->is_string()) fail(name, "dtype is missing or no string");
    const auto text = found->get<std::string>();
    const auto type = safetensors_dtype(text);
    if (!type) {
      fail(name, "dtype " + text + " is not supported; supported: " + safetensors_dtype_names());
    }
    return *type;
  }

  [[nodiscard]] std::vector<std::uint64_t> whole_numbers(const std::string& name,
                                                         const nlohmann::json& entry,
                                                         const char* key) const {
    const auto found = entry.find(key);
    if (found == entry.end() || !found->is_array()) {
      fail(name, std::string(key) + " is missing or no list");
    }
    std::vector<std::uint64_t> numbers;
    for (const nlohmann::json& value : *found) {
      if (!value.is_number_unsigned()) {
        fail(name, std::string(key) + " must hold whole numbers of at least 0, holds " +
                       dump_json(value, -1, BadUtf8::kThrow, Letters::kAscii).substr(0, 40));
      }
      numbers.push_back(value.get<std::uint64_t>());
    }
    return numbers;
  }

  [[nodiscard]] std::vector<std::int64_t> shape(const std::string& name,
                                                const nlohmann::json& entry) const {
    std::vector<std::int64_t> shape;
    for (const std::uint64_t size : whole_numbers(name, entry, "shape")) {
      if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        fail(name, "shape holds " + std::to_string(size) + ", which is too large");
      }
      shape.push_back(static_cast<std::int64_t>(size));
    }
    return shape;
  }

  void check_size(const std::string& name, const TensorInfo& info) const {
    // The overflow check ignores sizes of zero, as strides do.
    std::int64_t strided = static_cast<std::int64_t>(c10::elementSize(info.dtype));
    bool empty = false;
    for (const std::int64_t size : info.shape) {
      empty = empty || size == 0;
      if (__builtin_mul_overflow(strided, std::max<std::int64_t>(size, 1), &strided)) {
        fail(name, "shape " + shape_text(info.shape) + " is too large");
      }
    }
    const std::uint64_t expected = empty ? 0 : static_cast<std::uint64_t>(strided);
    if (expected != info.bytes()) {
      fail(name, "shape " + shape_text(info.shape) + " of " + safetensors_dtype_name(info.dtype) +
                     " takes " + std::to_string(expected) + " bytes, but data_offsets hold " +
                     std::to_string(info.bytes()));
    }
  }

  const std::filesystem::path& path_;
  std::uint64_t data_bytes_;
};

// Returns what a file is that is no safetensors file, or "".
std::string other_kind(std::string_view text) {
  using namespace std::string_view_literals;
  if (text.starts_with("GGUF"sv)) return "it is a GGUF file";
  if (text.starts_with("PK\x03\x04"sv))
    return "it is a zip file, like those that torch.save writes";
  if (text.starts_with("\x80"sv)) return "it looks like a Python pickle";
  if (text.starts_with("\x89HDF"sv)) return "it is an HDF5 file";
  return {};
}

std::uint64_t header_length(const MappedFile& file) {
  const std::uint64_t size = file.bytes().size();
  const auto fail = [&](const std::string& reason) {
    const std::string other = other_kind(file.text());
    throw DataError(file.path().string() + ": not a safetensors file: " + reason +
                    (other.empty() ? "" : "; " + other));
  };
  if (size < kLengthBytes) fail("it has only " + std::to_string(size) + " bytes");
  std::uint64_t length = 0;
  std::memcpy(&length, file.bytes().data(), kLengthBytes);
  if (length > kMaxHeaderBytes) {
    fail("it claims a header of " + std::to_string(length) + " bytes; at most " +
         std::to_string(kMaxHeaderBytes) + " are allowed");
  }
  if (length > size - kLengthBytes) {
    fail("it claims a header of " + std::to_string(length) + " bytes, but only " +
         std::to_string(size - kLengthBytes) + " follow: is it truncated?");
  }
  if (length == 0 || file.text()[kLengthBytes] != '{') fail("its header does not begin with '{'");
  return length;
}

}  // namespace

std::string shape_text(at::IntArrayRef shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : file_(std::make_shared<const MappedFile>(path)) {
  data_begin_ = kLengthBytes + header_length(*file_);
  const nlohmann::json json = parse_json_of<nlohmann::json>(path, header());
  const HeaderReader reader(file_->path(), file_bytes() - data_begin_);
  for (const auto& [name, entry] : json.items()) {
    if (name == "__metadata__") {
      metadata_ = reader.metadata(entry);
    } else {
      tensors_.emplace(name, reader.tensor(name, entry));
    }
  }
  reader.check_coverage(tensors_);
}

bool SafetensorsFile::contains(std::string_view name) const { return tensors_.contains(name); }

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, info] : tensors_) names.push_back(name);
  return names;
}

const TensorInfo& SafetensorsFile::info(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    throw DataError(path().string() + ": tensor '" + std::string(name) + "' is missing");
  }
  return found->second;
}

std::string_view SafetensorsFile::header() const {
  return file_->text().substr(kLengthBytes, data_begin_ - kLengthBytes);
}

std::span<const std::byte> SafetensorsFile::bytes(std::string_view name) const {
  const TensorInfo& found = info(name);
  return file_->bytes().subspan(data_begin_ + found.begin, found.bytes());
}

at::Tensor SafetensorsFile::tensor(std::string_view name) const {
  const TensorInfo& found = info(name);
  return view(found, 0, found.shape);
}

at::Tensor SafetensorsFile::rows(std::string_view name, std::int64_t begin,
                                 std::int64_t end) const {
  const TensorInfo& found = info(name);
  INCIPIT_CHECK(!found.shape.empty() && begin >= 0 && begin <= end && end <= found.shape[0],
                "rows [", begin, ", ", end, ") of ", name, " ", shape_text(found.shape));
  std::vector<std::int64_t> shape = found.shape;
  shape[0] = end - begin;
  const std::uint64_t row_bytes =
      found.shape[0] == 0 ? 0 : found.bytes() / static_cast<std::uint64_t>(found.shape[0]);
  return view(found, static_cast<std::uint64_t>(begin) * row_bytes, std::move(shape));
}

at::Tensor SafetensorsFile::view(const TensorInfo& info, std::uint64_t offset,
                                 std::vector<std::int64_t> shape) const {
  const auto options = at::TensorOptions().dtype(info.dtype);
  const std::byte* data = file_->bytes().data() + data_begin_ + info.begin + offset;
  if (reinterpret_cast<std::uintptr_t>(data) % c10::elementSize(info.dtype) != 0) {
    at::Tensor copy = at::empty(shape, options);
    if (copy.numel() > 0) std::memcpy(copy.mutable_data_ptr(), data, copy.nbytes());
    return copy;
  }
  return at::from_blob(
      const_cast<std::byte*>(data), shape, [keep_mapped = file_](void*) {}, options);
}

}  // namespace incipit::model
