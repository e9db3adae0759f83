#include "launcher/run_dir.h"

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"

namespace incipit::launcher {

namespace fs = std::filesystem;

void make_run_dir(const fs::path& given) {
  fs::path dir = given.lexically_normal();
  if (!dir.has_filename()) dir = dir.parent_path();  // a slash at the end
  std::error_code error;
  if (is_run_dir(dir)) {
    fs::path aside;
    int number = 0;
    do {
      aside = dir.string().append(".").append(std::to_string(++number));
    } while (fs::exists(aside));
    fs::rename(dir, aside, error);
    if (error) {
      throw DataError(dir.string() + ": holds an earlier run, which cannot be moved to " +
                      aside.string() + " (" + error.message() + "); set run.output_dir");
    }
    log::info("the earlier run in {} was moved to {}", dir.string(), aside.string());
  }
  fs::create_directories(dir, error);
  if (error || !fs::is_directory(dir)) {
    throw DataError(dir.string() + ": the run directory cannot be made" +
                    (error ? " (" + error.message() + ")" : "") + "; set run.output_dir");
  }
}

void describe_run(const fs::path& dir, const std::string& config_yaml,
                  const std::string& manifest_json) {
  write_atomically(dir / "config.yaml", config_yaml);
  write_atomically(dir / "manifest.json", manifest_json);
}

bool is_run_dir(const fs::path& dir) {
  return fs::exists(dir / "config.yaml") && fs::exists(dir / "manifest.json");
}

}  // namespace incipit::launcher
