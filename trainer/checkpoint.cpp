#include "trainer/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/sha256.h"
#include "model/safetensors.h"

namespace incipit::trainer {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kTensors = "state.safetensors";
constexpr const char* kScalars = "state.json";
constexpr const char* kManifest = "manifest.json";
constexpr const char* kOwnHash = "sha256";  // of the manifest without this key
constexpr int kFormat = 2;
constexpr int kFormatWithoutOwnHash = 1;

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw DataError(path.string() + ": " + what);
}

void check(const std::error_code& error, const fs::path& path, const char* what) {
  if (error) fail(path, std::string(what) + ": " + error.message());
}

// Syncs a folder's directory entries to disk.
void sync_folder(const fs::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  const int cause = errno;
  if (file >= 0) ::close(file);
  if (!synced) fail(folder, std::string("cannot sync: ") + std::strerror(cause));
}

Json entry_of(const fs::path& file) {
  const MappedFile mapped(file);
  return {{"bytes", mapped.bytes().size()}, {"sha256", sha256_hex(mapped.bytes())}};
}

std::string text_of(const Json& manifest) {
  return dump_json(manifest, 2, BadUtf8::kReplace) + "\n";
}

std::string hash_of(const Json& manifest) {
  const std::string text = text_of(manifest);
  return sha256_hex(std::as_bytes(std::span(text)));
}

std::string manifest_text(const fs::path& folder, std::int64_t step, const RunFacts& facts) {
  Json json{
      {"format", kFormat},
      {"step", step},
      {"files", {{kTensors, entry_of(folder / kTensors)}, {kScalars, entry_of(folder / kScalars)}}},
      {"identity", facts.identity},
      {"circumstances", facts.circumstances}};
  json[kOwnHash] = hash_of(json);
  return text_of(json);
}

// Throws DataError if the manifest is of another format or not as it was written.
void check_manifest(const fs::path& file, Json manifest) {
  const int format = manifest.at("format").get<int>();
  if (format == kFormatWithoutOwnHash) return;
  if (format != kFormat) {
    fail(file, "is of format " + std::to_string(format) + ", and this version reads " +
                   std::to_string(kFormat));
  }
  const auto hash = manifest.at(kOwnHash).get<std::string>();
  manifest.erase(kOwnHash);
  if (hash_of(manifest) != hash) fail(file, "its SHA-256 is not the one that it states");
}

void check_file(const fs::path& file, const Json& entry) {
  const MappedFile mapped(file);
  const auto expected = entry.at("bytes").get<std::uint64_t>();
  if (mapped.bytes().size() != expected) {
    fail(file, "has " + std::to_string(mapped.bytes().size()) + " bytes, but its manifest says " +
                   std::to_string(expected));
  }
  if (sha256_hex(mapped.bytes()) != entry.at("sha256").get<std::string>()) {
    fail(file, "its SHA-256 is not that of its manifest");
  }
}

// Checks the files against the manifest. Returns the facts of the run.
RunFacts read_manifest(const fs::path& folder) {
  const fs::path file = folder / kManifest;
  try {
    const Json json = parse_json_of<Json>(file, read_text(file));
    check_manifest(file, json);
    for (const char* name : {kTensors, kScalars}) {
      check_file(folder / name, json.at("files").at(name));
    }
    return {.identity = json.at("identity").get<Facts>(),
            .circumstances = json.at("circumstances").get<Facts>()};
  } catch (const Json::exception& error) {
    fail(file, std::string("not the manifest of a checkpoint: ") + error.what());
  }
}

}  // namespace

fs::path checkpoints_folder(const fs::path& run_dir) { return run_dir / "checkpoints"; }

fs::path write_checkpoint(const fs::path& run_dir, const TrainState& state, const RunFacts& facts) {
  const fs::path parent = checkpoints_folder(run_dir);
  const fs::path folder = parent / ("step-" + std::to_string(state.step));
  const fs::path unfinished = folder.string() + ".tmp";
  std::error_code error;
  fs::remove_all(unfinished, error);
  check(error, unfinished, "cannot be removed");
  model::write_safetensors(unfinished / kTensors, state.tensors);
  write_atomically(unfinished / kScalars, scalars_json(state));
  write_atomically(unfinished / kManifest, manifest_text(unfinished, state.step, facts));
  sync_folder(unfinished);
  fs::remove_all(folder, error);
  check(error, folder, "cannot be removed");
  fs::rename(unfinished, folder, error);
  check(error, folder, "cannot be renamed from step-N.tmp");
  sync_folder(parent);
  return folder;
}

Checkpoint read_checkpoint(const fs::path& folder) {
  Checkpoint checkpoint{.folder = folder, .state = {}, .facts = read_manifest(folder)};
  checkpoint.state = parse_scalars(read_text(folder / kScalars), (folder / kScalars).string());
  const model::SafetensorsFile file(folder / kTensors);
  for (const std::string& name : file.names()) {
    checkpoint.state.tensors[name] = file.tensor(name).clone();
  }
  return checkpoint;
}

}  // namespace incipit::trainer
