// The folder in which tokenised files are kept from one start to the next.
//
// It is the first of $INCIPIT_CACHE, $XDG_CACHE_HOME/incipit and ~/.cache/incipit;
// INCIPIT_CACHE=off keeps nothing. Files are named by their key (data/example_key.h) and can be
// deleted at any time. When a new one makes them more than kCacheBytes, those that were not used
// for longest go.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "data/store_file.h"

namespace incipit::data {

constexpr std::uint64_t kCacheBytes = std::uint64_t{20} << 30;

// Where files are kept; nothing when the cache is off, or none of the variables is set.
[[nodiscard]] std::optional<std::filesystem::path> cache_folder();

// What a folder holds; zeros where there is none.
struct CacheUse {
  std::int64_t files = 0;
  std::uint64_t bytes = 0;
};
[[nodiscard]] CacheUse cache_use(const std::filesystem::path& folder);

class ExampleCache {
 public:
  // The folder is made when the first file is kept.
  explicit ExampleCache(std::filesystem::path folder, std::uint64_t limit = kCacheBytes);

  // Gives every example of a file to `take`, in order, and returns how many bad records it had.
  using Take = std::function<void(const Example&)>;
  using Read = std::function<std::int64_t(const Take& take)>;

  // The examples kept under `key`; where there are none, or damaged ones, those of `read`, which
  // are kept. Of several processes on a machine that ask at once, one reads and the others wait.
  // `name` stands in messages. What `read` throws comes through. Throws StoreError when the
  // folder cannot be used; Stopped when a signal comes while it waits.
  [[nodiscard]] StoredExamples get(const std::string& key, const std::string& name,
                                   std::shared_ptr<const Candidates> shared,
                                   const Read& read) const;

  [[nodiscard]] std::filesystem::path file_of(const std::string& key) const;

 private:
  void prune(const std::string& kept) const;

  std::filesystem::path folder_;
  std::uint64_t limit_;
};

}  // namespace incipit::data
