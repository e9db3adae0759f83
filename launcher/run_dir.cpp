#include "launcher/run_dir.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/json_member.h"
#include "core/log.h"

namespace incipit::launcher {

namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFinished = "finished";  // key of manifest.json: null until the run ends

}  // namespace

void make_run_dir(const fs::path& given) {
  fs::path dir = given.lexically_normal();
  if (!dir.has_filename()) dir = dir.parent_path();  // trailing slash
  std::error_code error;
  if (is_run_dir(dir)) {
    fs::path aside;
    int number = 0;
    do {
      aside = dir.string().append(".").append(std::to_string(++number));
    } while (fs::exists(aside));
    fs::rename(dir, aside, error);
    if (error) {
      throw DataError(dir.string() + ": contains an earlier run, which cannot be moved to " +
                      aside.string() + " (" + error.message() + "); set run.output_dir");
    }
    log::info("the earlier run in {} was moved to {}", dir.string(), aside.string());
  }
  fs::create_directories(dir, error);
  if (error || !fs::is_directory(dir)) {
    throw DataError(dir.string() + ": the run directory cannot be created" +
                    (error ? " (" + error.message() + ")" : "") + "; set run.output_dir");
  }
}

void describe_run(const fs::path& dir, const std::string& config_yaml,
                  const std::string& manifest_json) {
  write_atomically(dir / "config.yaml", config_yaml);
  write_atomically(dir / "manifest.json", manifest_json);
}

RunStage run_stage(const fs::path& dir) {
  if (!is_run_dir(dir)) return RunStage::kNone;
  const Json manifest = parse_json_or_discard<Json>(read_text(dir / "manifest.json"));
  if (!manifest.is_object() || member_or(manifest, "command", std::string()) != "train")
    return RunStage::kNone;
  const auto finished = manifest.find(kFinished);
  return finished != manifest.end() && finished->is_null() ? RunStage::kUnfinished
                                                           : RunStage::kFinished;
}

void mark_finished(const fs::path& dir, const std::string& time) {
  Json manifest = parse_json_or_discard<Json>(read_text(dir / "manifest.json"));
  if (!manifest.is_object()) throw DataError((dir / "manifest.json").string() + ": is damaged");
  manifest[kFinished] = time;
  write_atomically(dir / "manifest.json", dump_json(manifest, 2) + "\n");
}

void remove_unfinished_files(const fs::path& dir) {
  std::error_code ignored;  // leftover files are harmless
  std::vector<fs::path> unfinished;
  for (fs::recursive_directory_iterator it(dir, ignored), end; it != end; it.increment(ignored)) {
    const std::string name = it->path().filename().string();
    const std::size_t mark = name.rfind(".tmp.");
    if (mark == std::string::npos || !it->is_regular_file(ignored)) continue;
    if (name.find_first_not_of("0123456789", mark + 5) == std::string::npos) {
      unfinished.push_back(it->path());
    }
  }
  for (const fs::path& file : unfinished) fs::remove(file, ignored);
}

bool is_run_dir(const fs::path& dir) {
  std::error_code ignored;  // a path that cannot be looked at is none
  return fs::exists(dir / "config.yaml", ignored) && fs::exists(dir / "manifest.json", ignored);
}

}  // namespace incipit::launcher
