#include "data/example_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "core/log.h"
#include "core/stop_request.h"
#include "core/text.h"

namespace incipit::data {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kEnding = ".examples";
constexpr auto kPause = std::chrono::milliseconds(50);
constexpr auto kAbandoned = std::chrono::hours(24);  // age of an abandoned unfinished file

// A lock that is released when the process ends, for whatever reason. On file systems without locks
// (some network file systems), nothing is locked and work may be done twice.
class Lock {
 public:
  Lock(const fs::path& path, const std::string& name) {
    file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file_ < 0) {
      throw StoreError(path.string() + ": cannot create: " + std::strerror(errno));
    }
    const auto start = Clock::now();
    bool told = false;
    while (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) return;
      if (stop_requested()) {
        ::close(file_);
        throw Stopped(name + ": stopped by a signal while another process tokenised it");
      }
      if (!told && Clock::now() - start > std::chrono::seconds(2)) {
        log::info("{}: waiting for another process to tokenise it", name);
        told = true;
      }
      std::this_thread::sleep_for(kPause);
    }
  }
  ~Lock() { ::close(file_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int file_ = -1;
};

std::string text_of(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

// A file's modification time is the time of its last use.
void mark_used(const fs::path& path) {
  std::error_code ignored;  // a read-only folder can still be used
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
}

}  // namespace

std::optional<fs::path> cache_folder() {
  const std::string own = text_of("INCIPIT_CACHE");
  if (own == "off") return std::nullopt;
  if (!own.empty()) return own;
  if (const std::string xdg = text_of("XDG_CACHE_HOME"); !xdg.empty()) {
    return fs::path(xdg) / "incipit";
  }
  if (const std::string home = text_of("HOME"); !home.empty()) {
    return fs::path(home) / ".cache" / "incipit";
  }
  return std::nullopt;
}

CacheUse cache_use(const fs::path& folder) {
  CacheUse use;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder, error)) {
    if (file.path().extension() != kEnding) continue;
    const std::uint64_t bytes = file.file_size(error);
    if (error) continue;
    use.bytes += bytes;
    ++use.files;
  }
  return use;
}

ExampleCache::ExampleCache(fs::path folder, std::uint64_t limit)
    : folder_(std::move(folder)), limit_(limit) {}

fs::path ExampleCache::file_of(const std::string& key) const { return folder_ / (key + kEnding); }

StoredExamples ExampleCache::get(const std::string& key, const std::string& name,
                                 std::shared_ptr<const Candidates> shared, const Read& read) const {
  const fs::path path = file_of(key);
  const auto open = [&](bool tell) -> std::optional<StoredExamples> {
    std::error_code unreadable;  // reported when the folder is used
    if (!fs::exists(path, unreadable)) return std::nullopt;
    try {
      StoredExamples kept = open_store(path, key, shared);
      mark_used(path);
      log::debug("{}: {} tokenised examples read from {}", name, kept.store->size(), path.string());
      return kept;
    } catch (const StoreError& error) {
      if (tell) log::warn("{}; {} is tokenised again", error.what(), name);
      return std::nullopt;
    }
  };
  if (auto kept = open(false)) return *kept;

  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw StoreError(folder_.string() + ": cannot create: " + error.message());
  // Few lock file names, so that nothing has to be cleaned up.
  const Lock lock(folder_ / ("lock-" + key.substr(0, 1)), name);
  if (auto kept = open(true)) return *kept;  // written while we waited
  const auto start = Clock::now();
  StoreWriter writer(path, key, *shared);
  const std::int64_t skipped = read([&](const Example& example) { writer.add(example); });
  writer.finish(skipped);
  prune(path.filename().string());
  StoredExamples kept = open_store(path, key, shared);
  const std::chrono::duration<double> taken = Clock::now() - start;
  log::info("{}: {} examples tokenised in {}; cached in {} ({})", name, kept.store->size(),
            human_seconds(taken.count()), path.string(),
            human_bytes(static_cast<double>(fs::file_size(path, error))));
  return kept;
}

void ExampleCache::prune(const std::string& kept) const {
  struct Entry {
    fs::file_time_type used;
    std::uint64_t bytes;
    fs::path path;
  };
  std::vector<Entry> entries;
  std::uint64_t total = 0;
  std::error_code error;  // files that vanish meanwhile need no pruning
  const auto now = fs::file_time_type::clock::now();
  for (const auto& file : fs::directory_iterator(folder_, error)) {
    const std::string name = file.path().filename().string();
    const auto used = file.last_write_time(error);
    if (error) continue;
    if (name.find(std::string(kEnding) + ".tmp.") != std::string::npos) {
      if (now - used > kAbandoned) fs::remove(file.path(), error);
      continue;
    }
    if (file.path().extension() != kEnding) continue;
    const std::uint64_t bytes = file.file_size(error);
    if (error) continue;
    total += bytes;
    if (name != kept) entries.push_back({used, bytes, file.path()});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.used < b.used; });
  for (const Entry& entry : entries) {
    if (total <= limit_) return;
    fs::remove(entry.path, error);
    log::debug("{}: removed from the cache, which exceeds {}", entry.path.string(),
               human_bytes(static_cast<double>(limit_)));
    total -= entry.bytes;
  }
}

}  // namespace incipit::data
