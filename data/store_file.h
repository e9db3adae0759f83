// Examples in a file: written once, one by one, and mapped from then on.
//
//   header | payload of every example | facts of every example
//
// All numbers are in this machine's byte order. Header and facts are checked when a file is opened,
// a payload (tokens and texts) when its example is decoded; so opening reads nothing else.
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

// The version of the layout, and of what is kept.
constexpr std::uint32_t kStoreVersion = 1;

// A file of the cache cannot be written or used; the user's data is not at fault. The message
// names the file.
class StoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Memory does not grow with the number of examples. Every member throws StoreError when the file
// system refuses; a file that was not finished is removed.
class StoreWriter {
 public:
  // Writes to a temporary file beside `path`, whose folder exists. `key` (64 characters) must be
  // given again to open the file. Examples whose candidates equal `shared` hold none in the file.
  StoreWriter(std::filesystem::path path, std::string_view key, const Candidates& shared);
  ~StoreWriter();
  StoreWriter(const StoreWriter&) = delete;
  StoreWriter& operator=(const StoreWriter&) = delete;

  void add(const Example& example);
  // Syncs the file and renames it to `path`. `skipped`: bad records, to be remembered.
  void finish(std::int64_t skipped);

 private:
  void append(const void* data, std::size_t size);
  void flush();

  std::filesystem::path path_;
  std::string temporary_;
  std::string key_;
  const Candidates& shared_;
  std::shared_ptr<const Candidates> last_;  // compared with shared_ before
  bool last_is_shared_ = false;
  FactsMaker maker_;
  int file_ = -1;
  std::FILE* facts_ = nullptr;  // goes behind the payloads, once there are no more
  std::string buffer_;
  std::string record_;
  std::uint64_t offset_ = 0;  // of the next payload
  std::uint64_t count_ = 0;
};

struct StoredExamples {
  std::shared_ptr<const ExampleStore> store;
  std::int64_t skipped = 0;
};

// Maps a file. `shared`: the candidates of examples that hold none. Throws StoreError that says why
// when it is missing, damaged, cut short, of another version, or made with another key. Decoding
// an example that was damaged throws DataError, and removes the file, so that it is made anew.
[[nodiscard]] StoredExamples open_store(const std::filesystem::path& path, std::string_view key,
                                        std::shared_ptr<const Candidates> shared);

}  // namespace incipit::data
