// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#include <ATen/ops/from_blob.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "methods/prompt_tuning/adapter_files.h"
#include "methods/values.h"

namespace incipit::prompt_tuning {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kPrefixBytes = 10;         // magic, version, 16-bit header length
constexpr std::size_t kAlignment = 64;           // alignment of the data
constexpr std::size_t kGrowthDigits = 21;        // NumPy reserves space for a longer first axis
constexpr std::size_t kMostHeaderBytes = 10000;  // NumPy's own limit

struct NpyHeader {
  std::string dtype;  // "<f4"
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
  std::size_t data_begin = 0;
};

class NpyReader {
 public:
  explicit NpyReader(const MappedFile& file) : file_(file) {}

  [[nodiscard]] NpyHeader header() const {
    NpyHeader header;
    const std::string_view text = header_text(header.data_begin);
    const std::string_view dtype = value_of(text, "descr");
    if (dtype.size() < 2 || dtype.find(dtype[0], 1) == std::string_view::npos) {
      fail("its 'descr' is no simple type");
    }
    header.dtype = dtype.substr(1, dtype.find(dtype[0], 1) - 1);
    header.fortran_order = value_of(text, "fortran_order").starts_with("True");
    header.shape = shape(value_of(text, "shape"));
    return header;
  }

  [[noreturn]] void fail(const std::string& reason) const {
    throw DataError(file_.path().string() + ": " + reason);
  }

 private:
  // The Python dict that precedes the data.
  [[nodiscard]] std::string_view header_text(std::size_t& data_begin) const {
    const std::string_view content = file_.text();
    if (!content.starts_with(kMagic) || content.size() < kPrefixBytes) {
      fail("not a .npy file (it does not begin with \\x93NUMPY)");
    }
    const int version = static_cast<unsigned char>(content[kMagic.size()]);
    if (version < 1 || version > 3) {
      fail("has .npy format " + std::to_string(version) + "; supported: 1, 2 and 3");
    }
    const std::size_t length_bytes = version == 1 ? 2 : 4;
    const std::size_t begin = kMagic.size() + 2 + length_bytes;
    std::uint32_t length = 0;
    if (content.size() < begin) fail("ends within its header: is it truncated?");
    std::memcpy(&length, content.data() + kMagic.size() + 2, length_bytes);
    if (length > kMostHeaderBytes || length > content.size() - begin) {
      fail("claims a header of " + std::to_string(length) + " bytes: is it damaged?");
    }
    data_begin = begin + length;
    return content.substr(begin, length);
  }

  // Returns the text after "'key':", up to the end of the header.
  [[nodiscard]] std::string_view value_of(std::string_view text, const std::string& key) const {
    std::size_t at = text.find("'" + key + "'");
    if (at != std::string_view::npos) at = text.find_first_not_of(" :", at + key.size() + 2);
    if (at == std::string_view::npos) fail("its header lacks '" + key + "'");
    return text.substr(at);
  }

  [[nodiscard]] std::vector<std::int64_t> shape(std::string_view text) const {
    const std::size_t close = text.find(')');
    if (!text.starts_with('(') || close == std::string_view::npos) fail("its 'shape' is no tuple");
    const char* at = text.data() + 1;
    const char* end = text.data() + close;
    std::vector<std::int64_t> shape;
    while (at != end) {
      if (*at == ' ' || *at == ',') {
        ++at;
        continue;
      }
      std::int64_t size = 0;
      const auto [stop, error] = std::from_chars(at, end, size);
      if (error != std::errc() || size < 0) fail("its 'shape' is no tuple of numbers");
      shape.push_back(size);
      at = stop;
    }
    return shape;
  }

  const MappedFile& file_;
};

std::optional<at::ScalarType> scalar_type(const std::string& dtype) {
  if (dtype == "<f4") return at::kFloat;
  if (dtype == "<f2") return at::kHalf;
  if (dtype == "<f8") return at::kDouble;
  return std::nullopt;
}

}  // namespace

void save_npy(const std::filesystem::path& path, const SoftPrompt& prompt) {
  methods::check_values(prompt.name, prompt.values);
  const std::string rows = std::to_string(prompt.rows());
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + rows + ", " +
                       std::to_string(prompt.width()) + "), }";
  header.append(kGrowthDigits - rows.size(), ' ');
  const std::size_t unpadded = kPrefixBytes + header.size() + 1;
  header.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  header += '\n';

  std::string content(kMagic);
  content += {'\x01', '\x00', static_cast<char>(header.size() & 0xff),
              static_cast<char>(header.size() >> 8)};
  content += header;
  const at::Tensor values = prompt.values.detach().to(at::kCPU).contiguous();
  content.append(static_cast<const char*>(values.const_data_ptr()), values.nbytes());
  write_atomically(path, content);
}

LoadedPrompt load_npy(const std::filesystem::path& path) {
  const MappedFile file(path);
  const NpyReader reader(file);
  const NpyHeader header = reader.header();
  const std::optional<at::ScalarType> type = scalar_type(header.dtype);
  if (!type) {
    reader.fail("holds numbers of type '" + header.dtype + "'; supported: '<f4', '<f2', '<f8'");
  }
  if (header.fortran_order) {
    reader.fail("is in Fortran order; save numpy.ascontiguousarray of it instead");
  }
  if (header.shape.size() != 2 || header.shape[0] == 0 || header.shape[1] == 0) {
    reader.fail("must have shape (virtual tokens, hidden size), has " +
                std::to_string(header.shape.size()) + " dimensions" +
                (header.shape.size() == 2 ? ", one of them empty" : ""));
  }
  const std::size_t data_bytes = file.bytes().size() - header.data_begin;
  std::int64_t expected = static_cast<std::int64_t>(c10::elementSize(*type));
  for (const std::int64_t size : header.shape) {
    if (__builtin_mul_overflow(expected, size, &expected)) reader.fail("its shape is too large");
  }
  if (static_cast<std::size_t>(expected) != data_bytes) {
    reader.fail("has " + std::to_string(data_bytes) + " bytes of data, but its shape takes " +
                std::to_string(expected) + ": is it truncated?");
  }
  // Copy as bytes first: the data may not be aligned for its type.
  std::vector<std::byte> bytes(file.bytes().begin() + header.data_begin, file.bytes().end());
  LoadedPrompt loaded;
  loaded.prompt.name = path.stem().string();
  loaded.prompt.values = at::from_blob(bytes.data(), header.shape, at::TensorOptions().dtype(*type))
                             .to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
  loaded.backbone.hidden_size = loaded.prompt.width();
  if (!methods::all_finite(loaded.prompt.values)) reader.fail("has numbers that are not finite");
  return loaded;
}

}  // namespace incipit::prompt_tuning
