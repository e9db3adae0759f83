#include "data/store_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "core/files.h"
#include "data/store_layout.h"

namespace incipit::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw StoreError(path + ": " + what + ": " + std::strerror(errno));
}

void write_all(int file, const char* data, std::size_t size, const std::string& path) {
  while (size > 0) {
    const ssize_t written = ::write(file, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path, "cannot write");
    data += written;
    size -= static_cast<std::size_t>(written);
  }
}

bool same(const Candidates& a, const Candidates& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Candidate& x, const Candidate& y) {
                      return x.label == y.label && x.text == y.text && x.tokens == y.tokens;
                    });
}

}  // namespace

// --- writing ----------------------------------------------------------------------------

StoreWriter::StoreWriter(fs::path path, std::string_view key, const Candidates& shared)
    : path_(std::move(path)),
      temporary_(path_.string() + ".tmp.XXXXXX"),
      key_(key),
      shared_(shared) {
  file_ = ::mkostemp(temporary_.data(), O_CLOEXEC);
  if (file_ < 0) fail(temporary_, "cannot create");
  const std::string facts = temporary_ + ".facts";
  facts_ = std::fopen(facts.c_str(), "w+bxe");
  if (facts_ == nullptr) {
    const int cause = errno;
    ::close(file_);
    ::unlink(temporary_.c_str());
    errno = cause;
    fail(facts, "cannot create");
  }
  ::unlink(facts.c_str());
  buffer_.assign(sizeof(StoreHeader), '\0');
  offset_ = sizeof(StoreHeader);
}

StoreWriter::~StoreWriter() {
  if (facts_ != nullptr) std::fclose(facts_);
  if (file_ < 0) return;
  ::close(file_);
  ::unlink(temporary_.c_str());
}

void StoreWriter::append(const void* data, std::size_t size) {
  buffer_.append(static_cast<const char*>(data), size);
  if (buffer_.size() >= kBufferBytes) flush();
}

void StoreWriter::flush() {
  write_all(file_, buffer_.data(), buffer_.size(), temporary_);
  buffer_.clear();
}

void StoreWriter::add(const Example& example) {
  if (count_ == 0 || example.candidates != last_) {
    last_ = example.candidates;
    last_is_shared_ = !last_ || same(*last_, shared_);
  }
  encode_example(example, !last_is_shared_, record_);
  StoredFacts facts{.facts = maker_.facts(example),
                    .begin = offset_,
                    .bytes = record_.size(),
                    .hash = store_hash(std::as_bytes(std::span(record_)))};
  if (std::fwrite(&facts, sizeof(facts), 1, facts_) != 1) fail(temporary_, "cannot write");
  append(record_.data(), record_.size());
  offset_ += record_.size();
  ++count_;
}

void StoreWriter::finish(std::int64_t skipped) {
  StoreHeader header{};
  std::memcpy(header.magic, kStoreMagic.data(), sizeof(header.magic));
  header.version = kStoreVersion;
  header.facts_size = sizeof(StoredFacts);
  std::memcpy(header.key, key_.data(), std::min(key_.size(), sizeof(header.key)));
  header.examples = count_;
  header.skipped = static_cast<std::uint64_t>(skipped);
  header.facts_begin = offset_;
  header.facts_hash = store_hash({});

  std::rewind(facts_);
  StoredFacts facts;
  for (std::uint64_t i = 0; i < count_; ++i) {
    if (std::fread(&facts, sizeof(facts), 1, facts_) != 1) fail(temporary_, "cannot read again");
    header.facts_hash = store_hash(std::as_bytes(std::span(&facts, 1)), header.facts_hash);
    append(&facts, sizeof(facts));
  }
  flush();
  header.header_hash = header_hash(header);
  if (::lseek(file_, 0, SEEK_SET) != 0) fail(temporary_, "cannot seek");
  write_all(file_, reinterpret_cast<const char*>(&header), sizeof(header), temporary_);
  if (::fsync(file_) != 0) fail(temporary_, "cannot sync");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(path_.string(), "cannot replace");
  ::close(file_);
  file_ = -1;
}

// --- reading ----------------------------------------------------------------------------

namespace {

class MappedStore : public ExampleStore {
 public:
  MappedStore(MappedFile file, const StoreHeader& header, std::shared_ptr<const Candidates> shared)
      : file_(std::move(file)),
        facts_(reinterpret_cast<const StoredFacts*>(file_.bytes().data() + header.facts_begin)),
        size_(static_cast<std::int64_t>(header.examples)),
        shared_(std::move(shared)) {}

  [[nodiscard]] std::int64_t size() const override { return size_; }
  [[nodiscard]] ExampleFacts facts(std::int64_t index) const override {
    return facts_[index].facts;
  }
  [[nodiscard]] std::span<const TokenId> source(std::int64_t index) const override {
    return {reinterpret_cast<const TokenId*>(file_.bytes().data() + facts_[index].begin),
            facts_[index].facts.source_tokens};
  }
  [[nodiscard]] Example example(std::int64_t index) const override {
    const StoredFacts& facts = facts_[index];
    const auto payload = file_.bytes().subspan(facts.begin, facts.bytes);
    if (store_hash(payload) != facts.hash) fail_damaged();
    try {
      return decode_example(payload, facts.facts, shared_);
    } catch (const StoreError&) {
      fail_damaged();
    }
  }

 private:
  [[noreturn]] void fail_damaged() const {
    std::error_code ignored;
    fs::remove(file_.path(), ignored);
    throw DataError(file_.path().string() +
                    ": this cache file was damaged after it was written and has been removed; "
                    "start again, and check the disk");
  }

  MappedFile file_;
  const StoredFacts* facts_;
  std::int64_t size_;
  std::shared_ptr<const Candidates> shared_;
};

MappedFile map_store(const fs::path& path) {
  try {
    return MappedFile(path);
  } catch (const DataError& error) {
    throw StoreError(error.what());
  }
}

// Whether the facts are those that were written and point into the file. Releases their memory
// chunk by chunk.
bool facts_are_whole(const MappedFile& file, const StoreHeader& header) {
  constexpr std::uint64_t kPiece = 1 << 16;
  const auto* first =
      reinterpret_cast<const StoredFacts*>(file.bytes().data() + header.facts_begin);
  std::uint64_t hash = store_hash({});
  for (std::uint64_t begin = 0; begin < header.examples; begin += kPiece) {
    const std::span piece(first + begin, std::min(kPiece, header.examples - begin));
    hash = store_hash(std::as_bytes(piece), hash);
    for (const StoredFacts& each : piece) {
      const std::uint64_t tokens =
          std::uint64_t{each.facts.source_tokens} + each.facts.target_tokens;
      if (each.begin < sizeof(header) || each.begin % kStoreAlignment != 0 ||
          each.begin > header.facts_begin || each.bytes > header.facts_begin - each.begin ||
          each.bytes % kStoreAlignment != 0 || tokens * sizeof(TokenId) > each.bytes) {
        return false;
      }
    }
    const std::size_t at = header.facts_begin + begin * sizeof(StoredFacts);
    file.release(at, at + piece.size_bytes());
  }
  return hash == header.facts_hash;
}

// Returns the problem with a file, or "".
std::string problem_of(const MappedFile& file, std::string_view key, StoreHeader& header) {
  const auto bytes = file.bytes();
  if (bytes.size() < sizeof(header)) return "is too short for a header";
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::string_view(header.magic, sizeof(header.magic)) != kStoreMagic) {
    return "is not a cache file";
  }
  if (header.version != kStoreVersion || header.facts_size != sizeof(StoredFacts)) {
    return "is of version " + std::to_string(header.version) + ", not " +
           std::to_string(kStoreVersion);
  }
  if (header.header_hash != header_hash(header)) return "has a damaged header";
  if (std::string_view(header.key, sizeof(header.key)) != key) return "was made from other data";
  const std::uint64_t rest =
      bytes.size() - std::min<std::uint64_t>(header.facts_begin, bytes.size());
  if (header.facts_begin % kStoreAlignment != 0 || rest % sizeof(StoredFacts) != 0 ||
      rest / sizeof(StoredFacts) != header.examples) {
    return "is shorter or longer than its header says";
  }
  if (!facts_are_whole(file, header)) return "has damaged facts";
  return "";
}

}  // namespace

StoredExamples open_store(const fs::path& path, std::string_view key,
                          std::shared_ptr<const Candidates> shared) {
  MappedFile file = map_store(path);
  StoreHeader header{};
  const std::string problem = problem_of(file, key, header);
  if (!problem.empty()) throw StoreError(path.string() + ": " + problem);
  return {std::make_shared<MappedStore>(std::move(file), header, std::move(shared)),
          static_cast<std::int64_t>(header.skipped)};
}

}  // namespace incipit::data
