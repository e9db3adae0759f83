#include "predict/shared_input.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/json.h"
#include "telemetry/terminal.h"

namespace incipit::predict {
namespace {

using Rows = std::vector<PredictionInput::Row>;

// Number of records in memory at a time, on each rank.
constexpr std::size_t kChunk = 1024;

std::string to_text(const Rows& rows) {
  nlohmann::json all = nlohmann::json::array();
  for (const auto& row : rows) all.push_back({row.line, row.json, row.error});
  return dump_json(all);
}

Rows rows_of(const std::string& text) {
  Rows rows;
  for (const auto& row : parse_json<nlohmann::json>(text)) {
    rows.push_back(
        {row[0].get<std::int64_t>(), row[1].get<std::string>(), row[2].get<std::string>()});
  }
  return rows;
}

}  // namespace

std::string from_rank_zero(comm::Communicator& world, const std::function<std::string()>& make) {
  constexpr char kValue = '+', kConfig = 'c', kData = 'd';
  std::string text;
  if (world.rank() == 0) {
    try {
      text = kValue + make();
    } catch (const ConfigError& error) {
      text = std::string(1, kConfig) + error.what();
    } catch (const DataError& error) {
      text = std::string(1, kData) + error.what();
    }
  }
  text = world.broadcast(std::move(text), 0, "input");
  const char kind = text.front();
  text.erase(0, 1);
  if (kind == kConfig) throw ConfigError(text);
  if (kind == kData) throw DataError(text);
  return text;
}

SharedInput::SharedInput(comm::Communicator& world, const std::filesystem::path& path,
                         const std::string& format, const std::vector<std::string>& fields)
    : world_(world),
      name_(from_rank_zero(world,
                           [&] {
                             input_ = std::make_unique<PredictionInput>(path, format, fields);
                             return input_->name();
                           })),
      chunk_(path == "-" && telemetry::is_terminal(STDIN_FILENO) ? 1 : kChunk) {}

std::vector<PredictionInput::Row> SharedInput::next() {
  return rows_of(from_rank_zero(world_, [&] { return to_text(input_->next(chunk_)); }));
}

}  // namespace incipit::predict
