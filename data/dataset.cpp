#include "data/dataset.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/random.h"
#include "core/stop_request.h"
#include "data/content_hash.h"
#include "data/example_cache.h"
#include "data/example_key.h"
#include "data/records.h"

namespace incipit::data {

namespace fs = std::filesystem;

Dataset::Dataset(std::string file, std::vector<Example> examples, std::int64_t skipped)
    : Dataset(std::move(file), store_in_memory(std::move(examples)), skipped) {}

Dataset::Dataset(std::string file, std::shared_ptr<const ExampleStore> store, std::int64_t skipped)
    : file_(std::move(file)), store_(std::move(store)), size_(store_->size()), skipped_(skipped) {}

std::int64_t Dataset::truncated() const {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < size_; ++i) count += facts(i).truncated;
  return count;
}

bool Dataset::labelled() const { return !empty() && facts(0).target_tokens > 0; }

std::vector<std::int64_t> Dataset::groups() const {
  // First stores the first example of each example's group, then the group's index.
  std::vector<std::int64_t> groups(static_cast<std::size_t>(size_));
  std::vector<std::pair<std::uint64_t, std::int64_t>> named;  // group, example
  std::int64_t line = 0;
  for (std::int64_t i = 0; i < size_; ++i) {
    const ExampleFacts each = facts(i);
    if (each.group != 0) named.emplace_back(each.group, i);
    const bool same_record = each.group == 0 && each.line == line && line > 0;
    groups[i] = same_record ? groups[i - 1] : i;
    line = each.group == 0 ? each.line : 0;
  }
  std::sort(named.begin(), named.end());
  for (std::size_t k = 1; k < named.size(); ++k) {
    if (named[k].first == named[k - 1].first) {
      groups[named[k].second] = groups[named[k - 1].second];
    }
  }
  std::int64_t next = 0;
  for (std::int64_t i = 0; i < size_; ++i) groups[i] = groups[i] == i ? next++ : groups[groups[i]];
  return groups;
}

std::vector<std::int64_t> Dataset::lengths() const {
  std::vector<std::int64_t> lengths;
  lengths.reserve(static_cast<std::size_t>(size_));
  for (std::int64_t i = 0; i < size_; ++i) {
    const ExampleFacts each = facts(i);
    lengths.push_back(std::int64_t{each.source_tokens} + each.target_tokens);
  }
  return lengths;
}

std::uint64_t Dataset::fingerprint() const {
  std::uint64_t hash = kContentHashSeed;
  for (std::int64_t i = 0; i < size_; ++i) hash = mix_seed(hash, facts(i).seen);
  return hash;
}

Dataset Dataset::subset(const std::vector<std::int64_t>& indices) const {
  Dataset part;
  part.file_ = file_;
  part.store_ = store_;
  part.skipped_ = skipped_;
  part.whole_ = false;
  part.indices_ = indices;
  for (std::int64_t& index : part.indices_) index = at(index);
  part.size_ = static_cast<std::int64_t>(indices.size());
  return part;
}

Dataset Dataset::without_lines(const std::set<std::int64_t>& lines) const {
  std::vector<std::int64_t> kept;
  for (std::int64_t i = 0; i < size_; ++i) {
    if (!lines.contains(facts(i).line)) kept.push_back(i);
  }
  Dataset rest = subset(kept);
  rest.skipped_ += static_cast<std::int64_t>(lines.size());
  return rest;
}

fs::path data_path(const TaskOptions& options, const std::string& file) {
  const fs::path path = fs::path(options.data_dir) / file;
  const char* elsewhere = std::getenv("INCIPIT_SHARED");
  auto part = path.begin();
  const bool is_shared = part != path.end() && *part == ".." && ++part != path.end() &&
                         *part == "shared" && !fs::exists("../shared");
  if (elsewhere == nullptr || !is_shared) return path;
  const fs::path below = path.lexically_relative("../shared");
  return fs::path(elsewhere) / below;
}

namespace {

// Logs progress and checks for a stop request while a large file is read.
class Patience {
 public:
  explicit Patience(std::string file) : file_(std::move(file)) {}

  void look(std::int64_t records, std::int64_t examples) {
    if (records % 1024 != 0) return;
    if (stop_requested()) throw Stopped(file_ + ": stopped by a signal while it was tokenised");
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    log::info("{}: {} examples tokenised so far", file_, examples);
    next_ = now + std::chrono::seconds(10);
  }

 private:
  std::string file_;
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(5);
};

// Returns the examples of a record. `number`, the record's index from 0, is the id if there is
// none.
std::vector<Example> examples_of(const Task& task, Record record, std::int64_t number,
                                 const ReadAs& as) {
  std::vector<Example> examples;
  for (const Record& each : task.expand(std::move(record), as.training)) {
    Example example = task.example(each, as.labelled);
    example.part = static_cast<std::int64_t>(examples.size());
    if (example.id.empty()) {
      example.id = std::to_string(number);
      if (!task.options().foreach.empty()) {
        example.id = "[" + example.id + "," + std::to_string(example.part) + "]";
      }
    }
    examples.push_back(std::move(example));
  }
  return examples;
}

std::string expected_text(RecordFormat format) {
  switch (format) {
    case RecordFormat::kJsonl:
      return "one JSON object a line";
    case RecordFormat::kConll:
      return "a word and its tag a line";
    case RecordFormat::kCsv:
    case RecordFormat::kTsv:
      return "a row with column names and a row for each example";
  }
  throw LogicError("unknown format");
}

// Passes every example of a file to `take` and returns the number of bad records.
std::int64_t read_examples(const Task& task, const fs::path& path, const ReadAs& as,
                           const std::function<void(Example&&)>& take) {
  const auto reader = open_records(path);
  BadRecords bad(task.options());
  Patience patience(path.string());
  std::int64_t taken = 0;
  bool with_targets = false;  // whether the first example had a target
  for (std::int64_t number = 0;; ++number) {
    patience.look(number, taken);
    try {
      auto record = reader->next();
      if (!record) break;
      const std::string where = record->file() + ":" + std::to_string(record->line()) + ": ";
      auto examples = examples_of(task, *std::move(record), number, as);
      for (const Example& example : examples) {
        if (taken == 0) with_targets = !examples.front().target.empty();
        if (with_targets != example.target.empty()) continue;
        throw DataError(
            where + "the record has " + (example.target.empty() ? "no" : "a") +
            " label, unlike those before it; either all records of a file have one, or none");
      }
      taken += static_cast<std::int64_t>(examples.size());
      for (Example& example : examples) take(std::move(example));
    } catch (const DataError& error) {
      bad.add(error);
    }
  }
  if (taken == 0) {
    throw DataError(path.string() + ": has no usable records; expected " +
                    expected_text(record_format(path)));
  }
  return bad.count();
}

// Returns nothing if the file is small or the cache cannot be used.
std::optional<StoredExamples> read_cached(const Task& task, const fs::path& path,
                                          const ReadAs& as) {
  std::error_code unknown;  // the reader reports a file that cannot be read
  const auto bytes = fs::file_size(path, unknown);
  const auto folder = cache_folder();
  if (unknown || bytes < kCachedFileBytes || !folder) return std::nullopt;
  try {
    return ExampleCache(*folder).get(
        example_key(task, path, as), path.string(),
        std::make_shared<const Candidates>(task.candidates()),
        [&](const ExampleCache::Take& take) { return read_examples(task, path, as, take); });
  } catch (const StoreError& error) {
    log::warn(
        "{}; {} is tokenised at every start and kept in memory (set INCIPIT_CACHE to another "
        "folder, or to off for no cache)",
        error.what(), path.string());
    return std::nullopt;
  }
}

}  // namespace

Dataset read_dataset(const Task& task, const fs::path& path, bool labelled, bool training) {
  const ReadAs as{.labelled = labelled, .training = training};
  // The cache has no places.
  const auto kept = scores_places(task.options()) ? std::nullopt : read_cached(task, path, as);
  if (kept) {
    return {path.string(), kept->store, kept->skipped};
  }
  std::vector<Example> examples;
  const std::int64_t skipped = read_examples(
      task, path, as, [&](Example&& example) { examples.push_back(std::move(example)); });
  return {path.string(), std::move(examples), skipped};
}

std::vector<Record> example_records(const Task& task, const Dataset& dataset,
                                    const std::vector<std::int64_t>& indices, bool training) {
  const auto reader = open_records(dataset.file());
  std::vector<Record> records;
  for (const std::int64_t index : indices) {
    const ExampleFacts facts = dataset.facts(index);
    auto nested = task.expand(reader->at_line(facts.line), training);
    records.push_back(std::move(nested.at(facts.part)));
  }
  return records;
}

}  // namespace incipit::data
