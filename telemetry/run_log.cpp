#include "telemetry/run_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"

namespace incipit::telemetry {
namespace {

using Json = nlohmann::ordered_json;

bool stays(const Json& line, const LoggedUntil& keep) {
  if (!line.is_object() || !line.contains("step") || !line["step"].is_number_integer()) {
    return false;
  }
  const auto step = line["step"].get<std::int64_t>();
  if (!line.contains("split")) return step <= keep.step;
  return step <= keep.evaluation && line["split"] != "test";
}

// Returns the bytes of `text` up to and including the last whole line to keep.
std::size_t kept_bytes(std::string_view text, const LoggedUntil& keep) {
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) return begin;
    const Json line = parse_json_or_discard<Json>(text.substr(begin, end - begin));
    if (!stays(line, keep)) return begin;
    begin = end + 1;
  }
}

[[noreturn]] void fail(const std::filesystem::path& path, const char* what) {
  throw DataError(path.string() + ": " + what + ": " + std::strerror(errno));
}

}  // namespace

RunLog::RunLog(const std::filesystem::path& path, const LoggedUntil& keep) : path_(path) {
  std::error_code ignored;  // open() reports the error
  std::filesystem::create_directories(path.parent_path(), ignored);
  std::size_t kept = 0;
  if (keep.step > 0 && std::filesystem::exists(path)) {
    kept = kept_bytes(read_text(path), keep);
  }
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file_ < 0) fail(path_, "cannot be opened for writing");
  if (::ftruncate(file_, static_cast<off_t>(kept)) != 0) {
    const int saved = errno;
    ::close(file_);
    errno = saved;
    fail(path_, "cannot be truncated");
  }
}

RunLog::~RunLog() {
  if (file_ >= 0) ::close(file_);
}

RunLog::RunLog(RunLog&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

void RunLog::append(const StepRecord& record) {
  Json line{{"step", record.step},
            {"loss", record.loss},
            {"learning_rate", record.learning_rate},
            {"grad_norm", record.grad_norm},
            {"tokens", record.tokens},
            {"samples", record.samples},
            {"seconds", record.seconds},
            {"data_wait_seconds", record.data_wait_seconds},
            {"comm_seconds", record.comm_seconds}};
  for (const auto& [task, loss] : record.losses) line["losses"][task] = loss;
  write_line(dump_json(line));
}

void RunLog::append_scores(std::int64_t step, const std::string& task, const std::string& split,
                           std::span<const std::pair<std::string, double>> scores) {
  Json line{{"step", step}};
  if (!task.empty()) line["task"] = task;
  line["split"] = split;
  for (const auto& [name, value] : scores) line[name] = value;
  write_line(dump_json(line, -1, BadUtf8::kReplace));
}

// Removes a partial line, which would corrupt the next one.
void RunLog::take_back(off_t bytes) noexcept {
  const off_t end = ::lseek(file_, 0, SEEK_END);
  [[maybe_unused]] const int result = bytes > 0 ? ::ftruncate(file_, end - bytes) : 0;
}

void RunLog::write_line(const std::string& line) {
  const std::string text = line + "\n";
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t count = ::write(file_, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int cause = errno;
      take_back(static_cast<off_t>(written));
      errno = cause;
      fail(path_, "cannot be written");
    }
    written += static_cast<std::size_t>(count);
  }
}

}  // namespace incipit::telemetry
