// The folder that keeps tokenized files between runs.
//
// It is the first of $INCIPIT_CACHE, $XDG_CACHE_HOME/incipit and ~/.cache/incipit;
// INCIPIT_CACHE=off disables the cache. Files are named by their key (data/example_key.h) and can
// be deleted at any time. When a new file makes the total exceed kCacheBytes, the least recently
// used files are deleted.
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

// Returns the cache folder, or nothing if the cache is off or none of the variables is set.
[[nodiscard]] std::optional<std::filesystem::path> cache_folder();

// The contents of a cache folder; zeros if it does not exist.
struct CacheUse {
  std::int64_t files = 0;
  std::uint64_t bytes = 0;
};
[[nodiscard]] CacheUse cache_use(const std::filesystem::path& folder);

class ExampleCache {
 public:
  // The folder is created when the first file is stored.
  explicit ExampleCache(std::filesystem::path folder, std::uint64_t limit = kCacheBytes);

  // Passes every example of a file to `take`, in order, and returns the number of bad records.
  using Take = std::function<void(const Example&)>;
  using Read = std::function<std::int64_t(const Take& take)>;

  // Returns the examples stored under `key`. If there are none, or they are damaged, reads them
  // with `read` and stores them. If several processes on a machine ask at once, one reads and the
  // others wait. `name` is used in messages. Rethrows what `read` throws. Throws StoreError when
  // the folder cannot be used, and Stopped when a signal arrives while waiting.
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
