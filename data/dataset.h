// The splits of a task, tokenised and in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/task.h"

namespace incipit::data {

// The examples of one file, or of a part of it, in file order.
class Dataset {
 public:
  Dataset() = default;
  Dataset(std::string file, std::vector<Example> examples, std::int64_t skipped)
      : file_(std::move(file)), examples_(std::move(examples)), skipped_(skipped) {}

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(examples_.size()); }
  [[nodiscard]] bool empty() const { return examples_.empty(); }
  [[nodiscard]] const Example& operator[](std::int64_t index) const { return examples_[index]; }
  [[nodiscard]] auto begin() const { return examples_.begin(); }
  [[nodiscard]] auto end() const { return examples_.end(); }

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::int64_t skipped() const { return skipped_; }  // bad records of the file
  [[nodiscard]] std::int64_t truncated() const;                    // examples that were cut
  // Every example has a label or target; false also when there are no examples.
  [[nodiscard]] bool labelled() const;

  // Number of each example's group, from 0 in order of first occurrence.
  [[nodiscard]] std::vector<std::int64_t> groups() const;
  // Tokens of source and target of each example: what split_over_ranks() balances.
  [[nodiscard]] std::vector<std::int64_t> lengths() const;
  // Hash of all that the model sees of it: equal on ranks that read the same data alike.
  [[nodiscard]] std::uint64_t fingerprint() const;

  // The examples at `indices`, in that order.
  [[nodiscard]] Dataset subset(const std::vector<std::int64_t>& indices) const;

 private:
  std::string file_;
  std::vector<Example> examples_;
  std::int64_t skipped_ = 0;
};

// data_dir / file, where `file` is relative. A path that begins with ../shared, where that
// folder does not exist, is looked up in the folder that the environment variable INCIPIT_SHARED
// names: recipes then work from a clone that has its data elsewhere.
[[nodiscard]] std::filesystem::path data_path(const TaskOptions& options, const std::string& file);

// Reads a file: CSV, TSV or JSON Lines by its ending (data/records.h). `labelled`: every record
// must have a label or target; otherwise all must have one or none. Bad records are dealt with as
// on_bad_record says; of a record that holds several examples, one that is bad spoils all of them.
// `training`: as in Task::expand(). Throws DataError.
[[nodiscard]] Dataset read_dataset(const Task& task, const std::filesystem::path& path,
                                   bool labelled, bool training = false);

struct Splits {
  Dataset train;
  Dataset select;
  Dataset test;
  // Examples of the later split whose source's whole text also occurs in the earlier one.
  std::int64_t select_in_train = 0;
  std::int64_t test_in_train = 0;
  std::int64_t test_in_select = 0;
};

// Which splits to read. Train is read in any case when select is a share of it and asked for,
// and for demonstrations.
struct WhichSplits {
  bool train = true;
  bool select = true;
  bool test = true;
};

// Reads the splits that the options of `task` name and `which` asks for; the others are empty.
// Where `select` is a share of train, whole groups are moved, drawn by `seed`. Demonstrations are
// drawn from what is left of train (draw_demonstrations), taken out of it and given to `task`.
// Every sequence is checked against the model's positions behind a soft prompt of `prompt_rows`
// rows. A pure function of the files, the options and `seed`: every rank calls it, and all get the
// same. Throws DataError, and ConfigError when train is asked for and the options name none.
[[nodiscard]] Splits load_splits(Task& task, std::uint64_t seed, std::int64_t prompt_rows,
                                 const WhichSplits& which = {});

// Indices of about `share` of the examples, ascending: whole groups, drawn by `seed`, until they
// hold at least share * size examples (rounded; at least 1).
[[nodiscard]] std::vector<std::int64_t> draw_share(const std::vector<std::int64_t>& groups,
                                                   double share, std::uint64_t seed);

// Indices of `count` examples drawn by `seed`, in the order in which they are shown: labels take
// turns, so that they occur equally often where they can, and are then shuffled. Throws
// DataError when there are fewer than `count`.
[[nodiscard]] std::vector<std::int64_t> draw_demonstrations(const Dataset& train,
                                                            std::int64_t count, std::uint64_t seed);

// How many examples of `b` have a source text that occurs in `a`.
[[nodiscard]] std::int64_t count_overlap(const Dataset& a, const Dataset& b);

}  // namespace incipit::data
