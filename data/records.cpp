#include "data/records.h"

#include <algorithm>
#include <cctype>

#include "core/check.h"
#include "data/conll.h"
#include "data/csv.h"
#include "data/jsonl.h"
#include "data/squad.h"

namespace incipit::data {

RecordFormat record_format(const std::filesystem::path& path) {
  const auto lower_ending = [](const std::filesystem::path& name) {
    std::string ending = name.extension().string();
    std::transform(ending.begin(), ending.end(), ending.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    return ending;
  };
  std::string ending = lower_ending(path);
  if (ending == ".gz") ending = lower_ending(path.stem());
  if (ending == ".csv") return RecordFormat::kCsv;
  if (ending == ".conll" || ending == ".bio" || ending == ".iob") return RecordFormat::kConll;
  return ending == ".tsv" ? RecordFormat::kTsv : RecordFormat::kJsonl;
}

std::unique_ptr<RecordReader> make_record_reader(LineReader lines, RecordFormat format) {
  switch (format) {
    case RecordFormat::kJsonl:
      return std::make_unique<JsonlReader>(std::move(lines));
    case RecordFormat::kCsv:
      return std::make_unique<CsvReader>(std::move(lines));
    case RecordFormat::kTsv:
      return std::make_unique<CsvReader>(std::move(lines), '\t');
    case RecordFormat::kConll:
      return std::make_unique<ConllReader>(std::move(lines));
  }
  INCIPIT_CHECK(false);
}

std::unique_ptr<RecordReader> open_records(const std::filesystem::path& path) {
  if (is_squad(path)) return std::make_unique<SquadReader>(path);
  return make_record_reader(LineReader(path), record_format(path));
}

}  // namespace incipit::data
