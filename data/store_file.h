// Stores examples in a file, which is written once, example by example, and then mapped.
//
//   header | payload of every example | facts of every example
//
// All numbers are in this machine's byte order. Header and facts are checked when the file is
// opened; a payload (tokens and texts) is checked when its example is decoded. Opening reads
// nothing else.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "data/example_store.h"

namespace incipit::data {

// Version of the layout and of the stored content.
constexpr std::uint32_t kStoreVersion = 1;

// Thrown when a cache file cannot be written or used; the user's data is not at fault. The message
// names the file.
class StoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Writes a store file. Memory use does not grow with the number of examples. Every member throws
// StoreError on file system errors. An unfinished file is removed.
class StoreWriter {
 public:
  // Writes to a temporary file beside `path`, whose folder must exist. `key` (64 characters) must
  // be given again to open the file. Examples whose candidates equal `shared` do not store them.
  StoreWriter(std::filesystem::path path, std::string_view key, const Candidates& shared);
  ~StoreWriter();
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  void add(const Example& example);
  // Syncs the file and renames it to `path`. `skipped` is the number of bad records, stored in the
  // file.
  void finish(std::int64_t skipped);

 private:
  void append(const void* data, std::size_t size);
  void flush();

  std::filesystem::path path_;
  std::string temporary_;
  std::string key_;
  const Candidates& shared_;
  std::shared_ptr<const Candidates> last_;  // last candidates compared with shared_
  bool last_is_shared_ = false;
  FactsMaker maker_;
  int file_ = -1;
  std::FILE* facts_ = nullptr;  // appended after the last payload
  std::string buffer_;
  std::string record_;
  std::uint64_t offset_ = 0;  // of the next payload
  std::uint64_t count_ = 0;
};

struct StoredExamples {
  std::shared_ptr<const ExampleStore> store;
  std::int64_t skipped = 0;
};

// Maps a file. `shared`: the candidates of examples that store none. Throws StoreError with the
// reason when the file is missing, damaged, truncated, of another version, or made with another
// key. Decoding a damaged example throws DataError and removes the file, so that it is rebuilt.
[[nodiscard]] StoredExamples open_store(const std::filesystem::path& path, std::string_view key,
                                        std::shared_ptr<const Candidates> shared);

}  // namespace incipit::data
