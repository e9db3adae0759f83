#include "data/dataset.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "core/error.h"
#include "core/random.h"
#include "data/demonstrations.h"
#include "data/overlap.h"
#include "data/stratified_split.h"

namespace incipit::data {
namespace {

namespace fs = std::filesystem;

// Random streams of the seed.
constexpr std::uint64_t kValidationStream = 0x73656c656374;  // changes every drawn split
constexpr std::uint64_t kQueryStream = 0x71756572696573;     // "queries"

std::vector<std::int64_t> all_but(std::int64_t size, std::vector<std::int64_t> taken) {
  std::sort(taken.begin(), taken.end());
  std::vector<std::int64_t> rest;
  rest.reserve(static_cast<std::size_t>(size) - taken.size());
  auto next = taken.begin();
  for (std::int64_t i = 0; i < size; ++i) {
    if (next != taken.end() && *next == i) {
      ++next;
    } else {
      rest.push_back(i);
    }
  }
  return rest;
}

}  // namespace

std::vector<std::int64_t> draw_share(const std::vector<std::int64_t>& groups, double share,
                                     std::uint64_t seed) {
  const auto size = static_cast<double>(groups.size());
  const auto wanted = static_cast<std::int64_t>(std::max(1.0, std::round(share * size)));
  std::vector<std::int64_t> sizes;  // by group
  for (const std::int64_t group : groups) {
    if (group >= static_cast<std::int64_t>(sizes.size())) sizes.resize(group + 1);
    ++sizes[group];
  }
  std::vector<std::int64_t> order(sizes.size());
  std::iota(order.begin(), order.end(), 0);
  Random random(seed, kValidationStream);
  random.shuffle(std::span(order));
  std::int64_t taken = 0;
  for (const std::int64_t group : order) {
    if (taken >= wanted) break;
    taken += sizes[group];
    sizes[group] = 0;  // from here on: it is drawn
  }
  std::vector<std::int64_t> drawn;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (sizes[groups[i]] == 0) drawn.push_back(static_cast<std::int64_t>(i));
  }
  return drawn;
}

std::vector<std::int64_t> draw_examples(const Dataset& train, std::int64_t count, bool by_label,
                                        std::uint64_t seed) {
  std::vector<int> labels(static_cast<std::size_t>(train.size()), 0);
  for (std::int64_t i = 0; by_label && i < train.size(); ++i) labels[i] = train.facts(i).label;
  const std::set<int> distinct(labels.begin(), labels.end());
  const auto least = static_cast<std::int64_t>(distinct.size());
  if (count < least || count > train.size()) {
    throw ConfigError("train.examples: must be between " + std::to_string(least) +
                      (by_label ? " (one of each label)" : "") + " and " +
                      std::to_string(train.size()) + " (the training examples of " + train.file() +
                      "), or 0 for all, is " + std::to_string(count));
  }
  std::vector<std::int64_t> order = stratified_order(labels, seed);
  order.resize(static_cast<std::size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

Dataset draw_queries(const Dataset& split, std::int64_t most, std::uint64_t seed) {
  if (most == 0 || split.size() <= most) return split;
  std::vector<std::int64_t> drawn(static_cast<std::size_t>(split.size()));
  std::iota(drawn.begin(), drawn.end(), 0);
  Random random(seed, kQueryStream);
  random.shuffle(std::span(drawn));
  drawn.resize(static_cast<std::size_t>(most));
  std::sort(drawn.begin(), drawn.end());
  return split.subset(drawn);
}

namespace {

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code unreadable;  // reported when the file is read
  return a.lexically_normal() == b.lexically_normal() || fs::equivalent(a, b, unreadable);
}

// The validation split must not come from the test split's file.
void check_files(const TaskOptions& options) {
  if (options.test.empty()) return;
  const bool shares = options.validation.file.empty() && options.validation.share > 0;
  const std::string& file = shares ? options.train : options.validation.file;
  if (file.empty()) return;
  const fs::path validation = data_path(options, file);
  const fs::path test = data_path(options, options.test);
  if (!same_file(validation, test)) return;
  throw ConfigError("task.validation: " + std::string(shares ? "is a share of " : "is ") +
                    validation.string() + ", and task.test is the same file (" + test.string() +
                    "): choices would be made on the test split; name another file in one of them");
}

// Returns the path of a split's file. Throws DataError if its folder does not exist. The tasks of
// SuperGLUE, which have a submission file, are built in, but their data is not.
fs::path split_file(const TaskOptions& options, const std::string& file) {
  const fs::path path = data_path(options, file);
  const fs::path folder = path.parent_path();
  std::error_code unreadable;  // reported when the file is read
  if (folder.empty() || fs::exists(folder, unreadable)) return path;
  const std::string name = fs::path(options.submission.file).stem().string();
  throw DataError("task.data_dir: " + folder.string() + ": no such folder" +
                  (name.empty() ? ""
                                : "; the data of SuperGLUE is not part of Incipit: get " + name +
                                      ".zip from https://super.gluebenchmark.com/tasks, unpack it, "
                                      "and set task.data_dir to the folder"));
}

std::int64_t check_overlap(const Dataset& earlier, const Dataset& later, const char* names,
                           const TaskOptions& options) {
  const Overlap overlap = find_overlap(earlier, later);
  if (overlap.count == 0 || options.on_overlap == OnOverlap::kWarn) return overlap.count;
  std::string lines;
  for (const auto& [line, other] : overlap.first) {
    lines += (lines.empty() ? "line " : ", line ") + std::to_string(line) + " = line " +
             std::to_string(other);
  }
  const bool more = overlap.count > static_cast<std::int64_t>(overlap.first.size());
  throw DataError(later.file() + ":" + std::to_string(overlap.first.front().first) + ": " +
                  std::to_string(overlap.count) + " of " + std::to_string(later.size()) +
                  " examples also occur in " + earlier.file() + " (" + lines +
                  (more ? ", ..." : "") + "), so " + names +
                  " overlap and scores would say little; take them out of one of the files, or let "
                  "them pass with task.on_overlap: warn");
}

// Divides train if the validation split (`validation`) is a share of it.
void draw_validation(const Task& task, std::uint64_t seed, bool labelled, Splits& splits) {
  const TaskOptions& options = task.options();
  const double share = options.validation.share;
  if (options.train_foreach.empty() && options.train_where.empty()) {
    const auto drawn = draw_share(groups_with_duplicates(splits.train), share, seed);
    splits.validation = splits.train.subset(drawn);
    splits.train = splits.train.subset(all_but(splits.train.size(), drawn));
    return;
  }
  // Training examples are only a part of the examples that the same records give for scoring.
  const Dataset asked = read_dataset(task, splits.train.file(), labelled);
  const auto drawn = draw_share(groups_with_duplicates(asked), share, seed);
  std::vector<std::int64_t> lines;
  for (const std::int64_t index : drawn) lines.push_back(asked.facts(index).line);
  std::vector<std::int64_t> rest;
  for (std::int64_t i = 0; i < splits.train.size(); ++i) {
    if (!std::binary_search(lines.begin(), lines.end(), splits.train.facts(i).line)) {
      rest.push_back(i);
    }
  }
  splits.validation = asked.subset(drawn);
  splits.train = splits.train.subset(rest);
}

void take_demonstrations(Task& task, std::uint64_t seed, Splits& splits) {
  Dataset& train = splits.train;
  const auto indices = choose_demonstrations(task.options(), train, seed);
  task.set_demonstrations(demonstration_records(task, train, indices));
  splits.demonstrations = train.subset(indices);
  train = train.subset(all_but(train.size(), indices));
}

// Reduces train to `count` examples; 0: all.
void draw_training_examples(const Task& task, std::uint64_t seed, std::int64_t count,
                            Splits& splits) {
  splits.available = splits.train.size();
  if (count == 0) return;
  splits.train =
      splits.train.subset(draw_examples(splits.train, count, !task.labels().empty(), seed));
}

// Treats as bad records those with an example that Task::check_rows() rejects. Calls it only for
// the examples that it can reject: empty ones, and those that need too many positions.
void refuse_unfit(const Task& task, Dataset& split, std::int64_t prompt_rows) {
  if (split.empty()) return;
  const auto text_rows = [&](std::int64_t index) {
    const ExampleFacts facts = split.facts(index);
    return std::int64_t{facts.source_tokens} + std::max<std::int64_t>(facts.answer_tokens, 1) - 1;
  };
  const std::int64_t around = task.rows(split[0], prompt_rows) - text_rows(0);
  const std::int64_t positions = task.model().max_positions;
  BadRecords bad(task.options());
  std::set<std::int64_t> bad_lines;
  for (std::int64_t i = 0; i < split.size(); ++i) {
    const bool fits = positions == 0 || around + text_rows(i) <= positions;
    if ((fits && split.facts(i).source_tokens > 0) || bad_lines.contains(split.facts(i).line)) {
      continue;
    }
    try {
      task.check_rows(split[i], split.file(), prompt_rows);
    } catch (const DataError& error) {
      bad.add(error);
      bad_lines.insert(split.facts(i).line);
    }
  }
  if (bad_lines.empty()) return;
  split = split.without_lines(bad_lines);
  if (split.empty()) {
    throw DataError(split.file() + ": no record is left that fits into the model's " +
                    std::to_string(positions) + " positions");
  }
}

}  // namespace

Splits load_splits(Task& task, std::uint64_t seed, std::int64_t prompt_rows,
                   const WhichSplits& which) {
  const TaskOptions& options = task.options();
  if (which.train && options.train.empty()) {
    throw ConfigError("task.train: is missing: name the file to train on");
  }
  check_files(options);
  const bool shares = options.validation.file.empty() && options.validation.share > 0;
  const bool needs_train = which.train || options.shots > 0 || (which.validation && shares);
  Splits splits;
  if (!options.train.empty() && needs_train) {
    splits.train = read_dataset(task, split_file(options, options.train), which.labelled, true);
    if (shares) draw_validation(task, seed, which.labelled, splits);
  }
  if (which.validation && !options.validation.file.empty()) {
    splits.validation =
        read_dataset(task, split_file(options, options.validation.file), which.labelled);
  }
  if (which.test && !options.test.empty()) {
    splits.test = read_dataset(task, split_file(options, options.test), false);
  }
  splits.validation_in_train =
      check_overlap(splits.train, splits.validation, "task.train and task.validation", options);
  splits.test_in_train =
      check_overlap(splits.train, splits.test, "task.train and task.test", options);
  splits.test_in_validation =
      check_overlap(splits.validation, splits.test, "task.validation and task.test", options);
  // Few-shot examples are among the examples that a run may know the label of.
  const bool cut_first =
      options.shots > 0 && !options.shot_lines.given() && which.train_examples > 0;
  if (cut_first) draw_training_examples(task, seed, which.train_examples, splits);
  if (shows_nearest(options)) {
    splits.shot_pool = splits.train;
  } else if (!splits.train.empty() && options.shots > 0) {
    take_demonstrations(task, seed, splits);
  }
  if (which.train && splits.train.empty()) {
    throw DataError(data_path(options, options.train).string() +
                    ": no example is left to train on after task.validation and task.shots");
  }
  if (!which.train) {
    splits.train = {};
    splits.available = 0;
  }
  if (!which.validation) splits.validation = {};
  for (Dataset* split : {&splits.train, &splits.validation, &splits.test}) {
    refuse_unfit(task, *split, prompt_rows);
  }
  if (!cut_first) {
    draw_training_examples(task, seed, which.train ? which.train_examples : 0, splits);
  }
  return splits;
}

}  // namespace incipit::data
