#include "telemetry/run_log.h"

#include <nlohmann/json.hpp>
#include <string_view>

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

std::uint64_t bytes_to_keep(const std::filesystem::path& path, const LoggedUntil& keep) {
  if (keep.step == 0 || !std::filesystem::exists(path)) return 0;
  return kept_bytes(read_text(path), keep);
}

}  // namespace

RunLog::RunLog(const std::filesystem::path& path, const LoggedUntil& keep)
    : file_(path, bytes_to_keep(path, keep)) {}

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
  for (const auto& [member, rate] : record.learning_rates) line["learning_rates"][member] = rate;
  file_.append(dump_json(line) + "\n");
}

void RunLog::append_scores(std::int64_t step, const std::string& task, const std::string& split,
                           std::span<const std::pair<std::string, double>> scores) {
  Json line{{"step", step}};
  if (!task.empty()) line["task"] = task;
  line["split"] = split;
  for (const auto& [name, value] : scores) line[name] = value;
  file_.append(dump_json(line, -1, BadUtf8::kReplace) + "\n");
}

}  // namespace incipit::telemetry
