#include "data/dataset.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numeric>
#include <unordered_set>

#include "core/error.h"
#include "core/random.h"
#include "data/content_hash.h"
#include "data/records.h"

namespace incipit::data {
namespace {

namespace fs = std::filesystem;

// Apart from other uses of the seed.
constexpr std::uint64_t kSelectStream = 0x73656c656374;  // "select"
constexpr std::uint64_t kShotsStream = 0x73686f7473;     // "shots"

std::vector<std::int64_t> all_but(std::int64_t size, std::vector<std::int64_t> taken) {
  std::sort(taken.begin(), taken.end());
  std::vector<std::int64_t> rest;
  for (std::int64_t i = 0; i < size; ++i) {
    if (!std::binary_search(taken.begin(), taken.end(), i)) rest.push_back(i);
  }
  return rest;
}

}  // namespace

std::int64_t Dataset::truncated() const {
  return std::count_if(begin(), end(), [](const Example& e) { return e.truncated; });
}

bool Dataset::labelled() const { return !empty() && !examples_.front().target.empty(); }

std::vector<std::int64_t> Dataset::groups() const {
  std::vector<std::int64_t> groups;
  std::map<std::string, std::int64_t> numbers;
  std::int64_t next = 0;
  for (const Example& example : examples_) {
    std::int64_t group = next;
    if (!example.group.empty()) group = numbers.emplace(example.group, next).first->second;
    if (group == next) ++next;
    groups.push_back(group);
  }
  return groups;
}

std::vector<std::int64_t> Dataset::lengths() const {
  std::vector<std::int64_t> lengths;
  for (const Example& example : examples_) {
    lengths.push_back(static_cast<std::int64_t>(example.source.size() + example.target.size()));
  }
  return lengths;
}

std::uint64_t Dataset::fingerprint() const {
  std::uint64_t hash = kContentHashSeed;
  for (const Example& example : examples_) {
    for (const auto* tokens : {&example.source, &example.target}) {
      const std::uint64_t size = tokens->size();
      hash = content_hash(std::as_bytes(std::span(&size, 1)), hash);
      hash = content_hash(std::as_bytes(std::span(*tokens)), hash);
    }
  }
  return hash;
}

Dataset Dataset::subset(const std::vector<std::int64_t>& indices) const {
  std::vector<Example> examples;
  for (const std::int64_t index : indices) examples.push_back(examples_[index]);
  return {file_, std::move(examples), skipped_};
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

// The examples of a record; `number` of the record, from 0, stands in for an id.
std::vector<Example> examples_of(const Task& task, Record record, std::int64_t number,
                                 bool labelled, bool training) {
  std::vector<Example> examples;
  for (const Record& each : task.expand(std::move(record), training)) {
    Example example = task.example(each, labelled);
    example.part = static_cast<std::int64_t>(examples.size());
    if (example.id.empty()) {
      example.id = std::to_string(number);
      if (!task.options().each.empty()) {
        example.id = "[" + example.id + "," + std::to_string(example.part) + "]";
      }
    }
    examples.push_back(std::move(example));
  }
  return examples;
}

}  // namespace

Dataset read_dataset(const Task& task, const fs::path& path, bool labelled, bool training) {
  const auto reader = open_records(path);
  BadRecords bad(task.options());
  std::vector<Example> examples;
  std::int64_t number = -1;
  while (true) {
    try {
      ++number;
      auto record = reader->next();
      if (!record) break;
      const std::string where = record->file() + ":" + std::to_string(record->line()) + ": ";
      auto of_record = examples_of(task, std::move(*record), number, labelled, training);
      for (const Example& example : of_record) {
        const Example& first = examples.empty() ? of_record.front() : examples.front();
        if (first.target.empty() == example.target.empty()) continue;
        throw DataError(
            where + "the record has " + (example.target.empty() ? "no" : "a") +
            " label, unlike those before it; either all records of a file have one, or none");
      }
      std::move(of_record.begin(), of_record.end(), std::back_inserter(examples));
    } catch (const DataError& error) {
      bad.add(error);
    }
  }
  if (examples.empty()) {
    throw DataError(path.string() + ": has no usable records; expected " +
                    (record_format(path) == RecordFormat::kJsonl
                         ? "one JSON object a line"
                         : "a row with the columns' names and a row for each example"));
  }
  return {path.string(), std::move(examples), bad.count()};
}

std::vector<std::int64_t> draw_share(const std::vector<std::int64_t>& groups, double share,
                                     std::uint64_t seed) {
  const auto size = static_cast<double>(groups.size());
  const auto wanted = static_cast<std::size_t>(std::max(1.0, std::round(share * size)));
  std::map<std::int64_t, std::vector<std::int64_t>> members;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    members[groups[i]].push_back(static_cast<std::int64_t>(i));
  }
  std::vector<std::int64_t> order;
  for (const auto& [group, indices] : members) order.push_back(group);
  Random random(seed, kSelectStream);
  random.shuffle(std::span(order));
  std::vector<std::int64_t> drawn;
  for (const std::int64_t group : order) {
    if (drawn.size() >= wanted) break;
    drawn.insert(drawn.end(), members[group].begin(), members[group].end());
  }
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

std::vector<std::int64_t> draw_demonstrations(const Dataset& train, std::int64_t count,
                                              std::uint64_t seed) {
  if (count > train.size()) {
    throw DataError(train.file() + ": has " + std::to_string(train.size()) +
                    " examples to draw task.shots = " + std::to_string(count) +
                    " demonstrations from");
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(train.size()));
  std::iota(order.begin(), order.end(), 0);
  Random random(seed, kShotsStream);
  random.shuffle(std::span(order));
  // An example's turn: how many of its label come before it.
  std::map<int, std::int64_t> seen;
  std::vector<std::int64_t> turn(order.size());
  for (const std::int64_t index : order) turn[index] = seen[train[index].label]++;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return turn[a] < turn[b]; });
  order.resize(static_cast<std::size_t>(count));
  random.shuffle(std::span(order));
  return order;
}

std::int64_t count_overlap(const Dataset& a, const Dataset& b) {
  std::unordered_set<std::uint64_t> contents;
  for (const Example& example : a) contents.insert(example.content);
  return std::count_if(b.begin(), b.end(),
                       [&](const Example& e) { return contents.count(e.content) > 0; });
}

namespace {

void take_demonstrations(Task& task, Dataset& train, std::uint64_t seed) {
  const auto indices = draw_demonstrations(train, task.options().shots, seed);
  const auto reader = open_records(train.file());
  std::vector<Record> records;
  for (const std::int64_t index : indices) {
    auto parts = task.expand(reader->at_line(train[index].line), true);
    records.push_back(std::move(parts.at(static_cast<std::size_t>(train[index].part))));
  }
  task.set_demonstrations(records);
  train = train.subset(all_but(train.size(), indices));
}

}  // namespace

Splits load_splits(Task& task, std::uint64_t seed, std::int64_t prompt_rows,
                   const WhichSplits& which) {
  const TaskOptions& options = task.options();
  if (which.train && options.train.empty()) {
    throw ConfigError("task.train: is missing: name the file to train on");
  }
  const bool shares = options.select.file.empty() && options.select.share > 0;
  Splits splits;
  if (!options.train.empty() && (which.train || options.shots > 0 || (which.select && shares))) {
    splits.train = read_dataset(task, data_path(options, options.train), true, true);
    if (shares) {
      const auto drawn = draw_share(splits.train.groups(), options.select.share, seed);
      splits.select = splits.train.subset(drawn);
      splits.train = splits.train.subset(all_but(splits.train.size(), drawn));
    }
    if (options.shots > 0) take_demonstrations(task, splits.train, seed);
    if (which.train && splits.train.empty()) {
      throw DataError(data_path(options, options.train).string() +
                      ": no example is left to train on after task.select and task.shots");
    }
  }
  if (which.select && !options.select.file.empty()) {
    splits.select = read_dataset(task, data_path(options, options.select.file), true);
  }
  if (which.test && !options.test.empty()) {
    splits.test = read_dataset(task, data_path(options, options.test), false);
  }
  splits.select_in_train = count_overlap(splits.train, splits.select);
  splits.test_in_train = count_overlap(splits.train, splits.test);
  splits.test_in_select = count_overlap(splits.select, splits.test);
  if (!which.train) splits.train = {};
  if (!which.select) splits.select = {};
  for (const Dataset* split : {&splits.train, &splits.select, &splits.test}) {
    for (const Example& example : *split) task.check_rows(example, split->file(), prompt_rows);
  }
  return splits;
}

}  // namespace incipit::data
