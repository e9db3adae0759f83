// The examples of a file: a view of a store in memory or in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "data/example_store.h"
#include "data/task.h"

namespace incipit::data {

// The examples of one file, or of a part of it. Examples are created on access and returned by
// value, so never take the address of one. Copies share the examples.
class Dataset {
 public:
  class Iterator;

  Dataset() = default;
  Dataset(std::string file, std::vector<Example> examples, std::int64_t skipped);
  Dataset(std::string file, std::shared_ptr<const ExampleStore> store, std::int64_t skipped);

  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // Throws DataError when the example's part of a cache file is damaged.
  [[nodiscard]] Example operator[](std::int64_t index) const { return store_->example(at(index)); }
  [[nodiscard]] Iterator begin() const;
  [[nodiscard]] Iterator end() const;

  // Does not create the example. The source stays valid while any view of this store lives.
  [[nodiscard]] ExampleFacts facts(std::int64_t index) const { return store_->facts(at(index)); }
  [[nodiscard]] std::span<const TokenId> source(std::int64_t index) const {
    return store_->source(at(index));
  }

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::int64_t skipped() const { return skipped_; }  // bad records of the file
  [[nodiscard]] std::int64_t truncated() const;                    // examples that were cut
  // Whether every example has a label or target; false if there are no examples.
  [[nodiscard]] bool labelled() const;

  // Returns each example's group index, from 0 in order of first occurrence. Examples of one record
  // without a group text form a group.
  [[nodiscard]] std::vector<std::int64_t> groups() const;
  // Returns the number of source and target tokens of each example, which split_over_ranks()
  // balances.
  [[nodiscard]] std::vector<std::int64_t> lengths() const;
  // Returns a hash of everything the model sees of the dataset. Ranks that read the same data the
  // same way get the same hash.
  [[nodiscard]] std::uint64_t fingerprint() const;

  // Returns the examples at `indices`, in that order.
  [[nodiscard]] Dataset subset(const std::vector<std::int64_t>& indices) const;
  // Returns the examples of all other lines of the file, and counts these as skipped.
  [[nodiscard]] Dataset without_lines(const std::set<std::int64_t>& lines) const;

 private:
  [[nodiscard]] std::int64_t at(std::int64_t index) const {
    return whole_ ? index : indices_[static_cast<std::size_t>(index)];
  }

  std::string file_;
  std::shared_ptr<const ExampleStore> store_;
  bool whole_ = true;
  std::vector<std::int64_t> indices_;  // into the store; unused if whole_
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

// Returns data_dir / file if `file` is relative. A path that begins with ../shared, where that
// folder does not exist, is looked up in the folder that the environment variable INCIPIT_SHARED
// names. Recipes then work in a clone whose data is elsewhere.
[[nodiscard]] std::filesystem::path data_path(const TaskOptions& options, const std::string& file);

// Files of at least this size are tokenized once and cached (data/example_cache.h). Smaller files
// take a fraction of a second and are tokenized at every start.
constexpr std::uint64_t kCachedFileBytes = std::uint64_t{1} << 20;

// Reads a file as CSV, TSV or JSON Lines, by its extension (data/records.h). `labelled`: every
// example must have a label or target; otherwise all must have one or none may. Bad records are
// handled by on_bad_record; if one example of a record is bad, the whole record is. `training` is
// as in Task::expand(). Throws DataError.
[[nodiscard]] Dataset read_dataset(const Task& task, const std::filesystem::path& path,
                                   bool labelled, bool training = false);

// Reads the records of examples of `dataset` again, in the order of `indices`. `training` is as in
// read_dataset(). Throws DataError as reading does.
[[nodiscard]] std::vector<Record> example_records(const Task& task, const Dataset& dataset,
                                                  const std::vector<std::int64_t>& indices,
                                                  bool training);

struct Splits {
  Dataset train;
  Dataset validation;
  Dataset test;
  // Number of examples of the later split that also occur in the earlier one (data/overlap.h);
  // above 0 only with on_overlap: warn.
  std::int64_t validation_in_train = 0;
  std::int64_t test_in_train = 0;
  std::int64_t test_in_validation = 0;
  Dataset demonstrations;      // the few-shot examples, in the order in which they are shown
  Dataset shot_pool{};         // of shows_nearest(): the examples that inputs choose among
  std::int64_t available = 0;  // training examples before WhichSplits::train_examples were drawn
};

// Which splits to read. Train is also read when the requested validation split (`validation`) is a
// share of it, and when few-shot examples are needed.
struct WhichSplits {
  bool train = true;
  bool validation = true;
  bool test = true;
  std::int64_t train_examples = 0;  // number to draw of the training examples; 0: all
  bool labelled = true;  // false: training and validation examples may have no label or target
};

// Reads the splits that `which` requests and the options of `task` name; the others are empty.
//
// If the validation split (`validation`) is a share of train, whole groups drawn by `seed` are
// moved to it, and examples with the same text move together. They are then read as validation
// examples, not as training examples. Few-shot examples are chosen from the rest of train
// (data/demonstrations.h), removed from it and given to `task`; those that are the nearest to each
// input are chosen later, with the model, and stay in train. Every sequence, with a soft prompt
// of `prompt_rows` rows, is checked against the model's positions. Train is reduced to
// `which.train_examples` (draw_examples): before few-shot examples are drawn, so that they are
// among these; else at last.
//
// Throws DataError, also when an example occurs in two of the splits read and on_overlap is fail.
// Throws ConfigError when train is requested and the options name none, when the validation split
// comes from the test split's file, and as draw_examples(). A pure function of the files, the
// options and `seed`: every rank calls it and gets the same result.
[[nodiscard]] Splits load_splits(Task& task, std::uint64_t seed, std::int64_t prompt_rows,
                                 const WhichSplits& which = {});

// Draws whole groups by `seed` until they have at least share * size examples (rounded; at least
// 1), and returns the indices of their examples in ascending order. Groups are numbered from 0
// without gaps.
[[nodiscard]] std::vector<std::int64_t> draw_share(const std::vector<std::int64_t>& groups,
                                                   double share, std::uint64_t seed);

// Draws at most `most` examples by `seed`, each as likely as any other, in the order of the file.
// 0: all.
[[nodiscard]] Dataset draw_queries(const Dataset& split, std::int64_t most, std::uint64_t seed);

// Draws `count` training examples by `seed`, with about the same share of every label
// (stratified_order), and returns their indices in ascending order. The examples of a smaller count
// are among those of a larger one. `by_label`: whether the examples have labels. Throws ConfigError
// that names train.examples when there are fewer than `count` examples or more labels.
[[nodiscard]] std::vector<std::int64_t> draw_examples(const Dataset& train, std::int64_t count,
                                                      bool by_label, std::uint64_t seed);

}  // namespace incipit::data
