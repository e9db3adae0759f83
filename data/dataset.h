// The examples of a file: a view into a store in memory or in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/example_store.h"
#include "data/task.h"

namespace incipit::data {

// The examples of one file, or of a part of it. Examples come by value, made when they are asked
// for: never take the address of one. Copies share the examples.
class Dataset {
 public:
  class Iterator;

  Dataset() = default;
  Dataset(std::string file, std::vector<Example> examples, std::int64_t skipped);
  Dataset(std::string file, std::shared_ptr<const ExampleStore> store, std::int64_t skipped);

  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // Throws DataError when the example's part of a cache file was damaged.
  [[nodiscard]] Example operator[](std::int64_t index) const { return store_->example(at(index)); }
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const;

  // Without making the example. The source is valid while a view of this store lives.
  [[nodiscard]] ExampleFacts facts(std::int64_t index) const { return store_->facts(at(index)); }
  [[nodiscard]] std::span<const TokenId> source(std::int64_t index) const {
    return store_->source(at(index));
  }

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::int64_t skipped() const { return skipped_; }  // bad records of the file
  [[nodiscard]] std::int64_t truncated() const;                    // examples that were cut
  // Every example has a label or target; false also when there are no examples.
  [[nodiscard]] bool labelled() const;

  // Number of each example's group, from 0 in order of first occurrence. Without a group's text,
  // the examples of one record are one.
  [[nodiscard]] std::vector<std::int64_t> groups() const;
  // Tokens of source and target of each example: what split_over_ranks() balances.
  [[nodiscard]] std::vector<std::int64_t> lengths() const;
  // Hash of all that the model sees of it: equal on ranks that read the same data alike.
  [[nodiscard]] std::uint64_t fingerprint() const;

  // The examples at `indices`, in that order.
  [[nodiscard]] Dataset subset(const std::vector<std::int64_t>& indices) const;

 private:
  [[nodiscard]] std::int64_t at(std::int64_t index) const {
    return whole_ ? index : indices_[static_cast<std::size_t>(index)];
  }

  std::string file_;
  std::shared_ptr<const ExampleStore> store_;
  bool whole_ = true;
  std::vector<std::int64_t> indices_;  // into the store, unless it is shown whole
  std::int64_t size_ = 0;
  std::int64_t skipped_ = 0;
};

class Dataset::Iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = Example;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = Example;

  Iterator(const Dataset& dataset, std::int64_t index) : dataset_(&dataset), index_(index) {}
  Example operator*() const { return (*dataset_)[index_]; }
  Iterator& operator++() {
    ++index_;
    return *this;
  }
  Iterator operator++(int) { return {*dataset_, index_++}; }
  friend bool operator==(const Iterator& a, const Iterator& b) { return a.index_ == b.index_; }

 private:
  const Dataset* dataset_;
  std::int64_t index_;
};

inline Dataset::Iterator Dataset::begin() const { return {*this, 0}; }
inline Dataset::Iterator Dataset::end() const { return {*this, size_}; }

// data_dir / file, where `file` is relative. A path that begins with ../shared, where that
// folder does not exist, is looked up in the folder that the environment variable INCIPIT_SHARED
// names: recipes then work from a clone that has its data elsewhere.
[[nodiscard]] std::filesystem::path data_path(const TaskOptions& options, const std::string& file);

// Files from this size on are tokenised once and kept (data/example_cache.h); smaller ones are
// tokenised in a fraction of a second, at every start.
constexpr std::uint64_t kCachedFileBytes = std::uint64_t{1} << 20;

// Reads a file: CSV, TSV or JSON Lines by its ending (data/records.h). `labelled`: every example
// must have a label or target; otherwise all must have one or none. Bad records are dealt with as
// on_bad_record says; of a record that holds several examples, one that is bad spoils all of them.
// `training`: as in Task::expand(). Throws DataError.
[[nodiscard]] Dataset read_dataset(const Task& task, const std::filesystem::path& path,
                                   bool labelled, bool training = false);

struct Splits {
  Dataset train;
  Dataset select;
  Dataset test;
  // Examples of the later split that also occur in the earlier one (data/overlap.h); above 0 only
  // with on_overlap: warn.
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
// Where `select` is a share of train, whole groups are moved, and all examples of one text
// together, drawn by `seed`; they are then read as examples of select are, not as those to train
// on. Demonstrations are drawn from what is left of train (draw_demonstrations), taken out of it
// and given to `task`. Every sequence is checked against the model's positions behind a soft prompt
// of `prompt_rows` rows. A pure function of the files, the options and `seed`: every rank calls it,
// and all get the same. Throws DataError, also when an example occurs in two of the splits that
// were read and on_overlap is fail; ConfigError when train is asked for and the options name none,
// and when selection would be on the test split's file.
[[nodiscard]] Splits load_splits(Task& task, std::uint64_t seed, std::int64_t prompt_rows,
                                 const WhichSplits& which = {});

// Indices of about `share` of the examples, ascending: whole groups, drawn by `seed`, until they
// hold at least share * size examples (rounded; at least 1). Groups are numbered from 0 without a
// gap.
[[nodiscard]] std::vector<std::int64_t> draw_share(const std::vector<std::int64_t>& groups,
                                                   double share, std::uint64_t seed);

// Indices of `count` examples drawn by `seed`, in the order in which they are shown: labels take
// turns, so that they occur equally often where they can, and are then shuffled. Throws
// DataError when there are fewer than `count`.
[[nodiscard]] std::vector<std::int64_t> draw_demonstrations(const Dataset& train,
                                                            std::int64_t count, std::uint64_t seed);

}  // namespace incipit::data
