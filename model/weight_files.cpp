#include "model/weight_files.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <span>

#include "core/check.h"
#include "core/error.h"
#include "core/files.h"
#include "core/sha256.h"
#include "core/text.h"
#include "model/json_file.h"
#include "model/safetensors_types.h"

namespace incipit::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kGgufAdvice =
    "GGUF is not read: take the model's folder of safetensors, or convert the file with "
    "transformers "
    "(from_pretrained with gguf_file, then save_pretrained)";
constexpr const char* kIndexFile = "model.safetensors.index.json";

// Throws DataError: why a folder without safetensors cannot be used, and what to do.
[[noreturn]] void fail_without_safetensors(const fs::path& dir) {
  const std::string expected = std::string("neither ") + kSingleFile + " nor " + kIndexFile;
  std::vector<std::string> others;
  bool has_gguf = false;
  for (const fs::directory_entry& entry : fs::directory_iterator(dir)) {
    const std::string name = entry.path().filename().string();
    const std::string extension = entry.path().extension().string();
    if (extension == ".bin" || extension == ".pt" || extension == ".pth") {
      throw DataError(
          (dir / name).string() + ": pickled weights are never read, since reading them can run " +
          "code; convert them once: python3 -c \"from transformers import AutoModelForCausalLM "
          "as " +
          "M; M.from_pretrained('" + dir.string() + "').save_pretrained('" + dir.string() + "')\"");
    }
    has_gguf = has_gguf || extension == ".gguf";
    if (extension == ".safetensors" || extension == ".gguf") others.push_back(name);
  }
  std::sort(others.begin(), others.end());
  throw DataError(dir.string() + ": holds " + expected +
                  (others.empty() ? "" : "; found instead: " + join(others)) +
                  (has_gguf ? std::string("; ") + kGgufAdvice : ""));
}

// Returns the snapshot named by refs/main, or the only one.
fs::path hub_snapshot(const fs::path& path) {
  const fs::path snapshots = path / "snapshots";
  const fs::path reference = path / "refs" / "main";
  if (fs::is_regular_file(reference)) {
    std::string revision = read_text(reference);
    revision.erase(revision.find_last_not_of(" \r\n\t") + 1);
    if (!revision.empty() && fs::path(revision).filename() == revision &&
        fs::is_directory(snapshots / revision)) {
      return snapshots / revision;
    }
    throw DataError(reference.string() + ": names the snapshot '" + revision +
                    "', which is not in " + snapshots.string() +
                    "; download the model again, or give a snapshot's path");
  }
  std::vector<std::string> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(snapshots)) {
    if (entry.is_directory()) found.push_back(entry.path().filename().string());
  }
  std::sort(found.begin(), found.end());
  if (found.size() == 1) return snapshots / found[0];
  throw DataError(snapshots.string() + ": " + reference.string() + " is missing and there are " +
                  std::to_string(found.size()) + " snapshots (" + join(found) +
                  "); give the path of one");
}

// Returns the map from tensor name to shard in the index.
std::map<std::string, std::string> read_weight_map(const fs::path& index) {
  const JsonObject weight_map = JsonObject::read(index).object("weight_map");
  std::map<std::string, std::string> map;
  for (const auto& [tensor, value] : weight_map.value().items()) {
    const std::string shard = weight_map.text(tensor);
    if (shard.empty() || shard == "." || shard == ".." || fs::path(shard).filename() != shard) {
      weight_map.fail(tensor, "must be the name of a file beside the index, is '" + shard + "'");
    }
    map.emplace(tensor, shard);
  }
  if (map.empty()) throw DataError(index.string() + ": weight_map names no tensor");
  return map;
}

// Throws for an adapter's folder, and for a model that has one: transformers would add it.
void refuse_adapter(const fs::path& dir) {
  const fs::path adapter = dir / "adapter_config.json";
  if (!fs::exists(adapter)) return;
  throw DataError(adapter.string() +
                  (fs::exists(dir / "config.json")
                       ? ": the model's folder also holds an adapter, which transformers would "
                         "apply; merge it into the weights, or move it to another folder"
                       : ": this folder holds an adapter; model.path is its model's folder, and "
                         "--adapter names this one"));
}

}  // namespace

fs::path resolve_model_dir(const fs::path& path) {
  if (!fs::exists(path)) {
    throw DataError(path.string() + ": no such model folder; nothing is downloaded: give the " +
                    "path of a folder that holds config.json and " + kSingleFile);
  }
  if (!fs::is_directory(path)) {
    const bool gguf = path.extension() == ".gguf";
    throw DataError(path.string() + ": is a file; " +
                    (gguf ? kGgufAdvice : "give the path of the model's folder"));
  }
  if (!fs::exists(path / "config.json") && fs::is_directory(path / "snapshots")) {
    return hub_snapshot(path);
  }
  refuse_adapter(path);
  return path;
}

WeightFiles::WeightFiles(const fs::path& model_dir) : model_dir_(resolve_model_dir(model_dir)) {
  if (fs::exists(model_dir_ / kSingleFile)) {
    files_.emplace_back(model_dir_ / kSingleFile);
    for (const std::string& name : files_[0].names()) file_index_.emplace(name, 0);
  } else if (fs::exists(model_dir_ / kIndexFile)) {
    open_shards(model_dir_ / kIndexFile);
  } else {
    fail_without_safetensors(model_dir_);
  }
}

void WeightFiles::open_shards(const fs::path& index) {
  const std::map<std::string, std::string> weight_map = read_weight_map(index);
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : weight_map) shards.insert(shard);
  std::vector<std::string> missing;
  for (const std::string& shard : shards) {
    if (!fs::exists(model_dir_ / shard)) missing.push_back(shard);
  }
  if (!missing.empty()) {
    throw DataError(index.string() + ": names files that are missing: " + join(missing) +
                    "; is the download complete?");
  }
  std::map<std::string, std::size_t> position;
  for (const std::string& shard : shards) {
    position[shard] = files_.size();
    files_.emplace_back(model_dir_ / shard);
  }
  for (const auto& [tensor, shard] : weight_map) {
    const std::size_t file = position[shard];
    if (!files_[file].contains(tensor)) {
      throw DataError(index.string() + ": says that tensor '" + tensor + "' is in " + shard +
                      ", but it is not");
    }
    file_index_.emplace(tensor, file);
  }
}

bool WeightFiles::contains(std::string_view name) const { return file_index_.contains(name); }

std::vector<std::string> WeightFiles::names() const {
  std::vector<std::string> names;
  for (const auto& [name, file] : file_index_) names.push_back(name);
  return names;
}

const TensorInfo& WeightFiles::info(std::string_view name) const {
  return file_of(name).info(name);
}

at::Tensor WeightFiles::get(std::string_view name, at::IntArrayRef shape) const {
  return checked(name, shape).tensor(name);
}

at::Tensor WeightFiles::get_rows(std::string_view name, at::IntArrayRef shape, std::int64_t begin,
                                 std::int64_t end) const {
  return checked(name, shape).rows(name, begin, end);
}

bool WeightFiles::same_bytes(std::string_view a, std::string_view b) const {
  const auto x = file_of(a).bytes(a);
  const auto y = file_of(b).bytes(b);
  return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size()) == 0;
}

std::int64_t WeightFiles::total_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, file] : file_index_) bytes += files_[file].info(name).bytes();
  return static_cast<std::int64_t>(bytes);
}

std::int64_t WeightFiles::parameter_count() const {
  std::int64_t total = 0;
  for (const auto& [name, file] : file_index_) {
    std::int64_t count = 1;
    for (const std::int64_t size : files_[file].info(name).shape) count *= size;
    total += count;
  }
  return total;
}

std::string WeightFiles::header_fingerprint() const {
  Sha256 hash;
  for (const SafetensorsFile& file : files_) {
    const std::array<std::uint64_t, 2> sizes = {file.file_bytes(), file.header().size()};
    hash.update(std::as_bytes(std::span(sizes)));
    hash.update(std::as_bytes(std::span(file.header())));
  }
  return hash.hex();
}

template <typename Add>
std::string WeightFiles::hash_tensors(Add&& add) const {
  Sha256 hash;
  for (const auto& [name, file] : file_index_) {
    const TensorInfo& tensor = files_[file].info(name);
    const std::string description =
        name + " " + safetensors_dtype_name(tensor.dtype) + " " + shape_text(tensor.shape) + "\n";
    hash.update(std::as_bytes(std::span(description)));
    add(hash, files_[file].bytes(name));
  }
  return hash.hex();
}

std::string WeightFiles::fingerprint() const {
  constexpr std::size_t kBlock = 4096;
  constexpr std::size_t kBlocks = 8;
  return hash_tensors([](Sha256& hash, std::span<const std::byte> bytes) {
    if (bytes.size() <= kBlock * kBlocks) return hash.update(bytes);
    const std::size_t last = bytes.size() - kBlock;
    for (std::size_t i = 0; i < kBlocks; ++i) {
      hash.update(bytes.subspan(last * i / (kBlocks - 1), kBlock));  // includes both ends
    }
  });
}

std::string WeightFiles::full_hash() const {
  return hash_tensors([](Sha256& hash, std::span<const std::byte> bytes) { hash.update(bytes); });
}

const SafetensorsFile& WeightFiles::file_of(std::string_view name) const {
  const auto found = file_index_.find(name);
  if (found == file_index_.end()) {
    throw DataError(model_dir_.string() + ": the weights have no tensor '" + std::string(name) +
                    "'");
  }
  return files_[found->second];
}

const SafetensorsFile& WeightFiles::checked(std::string_view name, at::IntArrayRef shape) const {
  const SafetensorsFile& file = file_of(name);
  const std::vector<std::int64_t>& found = file.info(name).shape;
  if (at::IntArrayRef(found) != shape) {
    throw DataError(file.path().string() + ": tensor '" + std::string(name) + "' has shape " +
                    shape_text(found) + ", but config.json asks for " + shape_text(shape));
  }
  return file;
}

}  // namespace incipit::model
