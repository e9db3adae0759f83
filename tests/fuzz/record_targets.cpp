#include <optional>
#include <string>

#include "core/error.h"
#include "data/csv.h"
#include "data/jsonl.h"
#include "data/records.h"
#include "tests/fuzz/input_file.h"
#include "tests/fuzz/targets.h"

namespace incipit::fuzz {
namespace {

// Reads every record and every field. After a record that is refused, it reads the next, as for
// task.on_bad_record: skip, and throws at the end.
void read_all(data::RecordReader& reader) {
  std::int64_t last = 0;
  std::string refused;
  for (;;) {
    try {
      const std::optional<data::Record> record = reader.next();
      if (!record) break;
      last = record->line();
      (void)record->as_json();
      for (const std::string& name : record->names()) (void)record->json_text(name);
    } catch (const data::FileError&) {
      throw;
    } catch (const DataError& error) {
      refused = error.what();
    }
  }
  if (last > 0) (void)reader.at_line(last);
  if (!refused.empty()) throw DataError(refused);
}

}  // namespace

void read_csv(std::string_view bytes) {
  data::CsvReader reader{data::LineReader(input_file("table.csv", bytes))};
  read_all(reader);
}

void read_jsonl(std::string_view bytes) {
  data::JsonlReader reader{data::LineReader(input_file("records.jsonl", bytes))};
  read_all(reader);
}

}  // namespace incipit::fuzz
