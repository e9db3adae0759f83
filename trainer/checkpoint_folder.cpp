// Lists the checkpoints of a run directory and removes old ones.
#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/log.h"
#include "trainer/checkpoint.h"

namespace incipit::trainer {
namespace {

namespace fs = std::filesystem;

struct Entry {
  std::int64_t step = 0;
  bool unfinished = false;
  fs::path folder;
};

std::optional<Entry> entry_at(const fs::path& folder) {
  const std::string name = folder.filename().string();
  constexpr std::string_view kPrefix = "step-";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  Entry entry{.step = 0, .unfinished = name.ends_with(".tmp"), .folder = folder};
  const char* const end = name.data() + name.size() - (entry.unfinished ? 4 : 0);
  const auto [parsed, error] = std::from_chars(name.data() + kPrefix.size(), end, entry.step);
  if (error != std::errc() || parsed != end) return std::nullopt;
  return entry;
}

// Lists checkpoints by step, highest first.
std::vector<Entry> list(const fs::path& run_dir) {
  std::vector<Entry> entries;
  std::error_code ignored;  // a missing folder has no checkpoints
  for (fs::directory_iterator it(checkpoints_folder(run_dir), ignored), end; it != end;
       it.increment(ignored)) {
    if (auto entry = entry_at(it->path())) entries.push_back(*std::move(entry));
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.step > b.step; });
  return entries;
}

}  // namespace

std::optional<Checkpoint> newest_checkpoint(const fs::path& run_dir) {
  for (const Entry& entry : list(run_dir)) {
    if (entry.unfinished) {
      log::warn("{}: a checkpoint that was not finished being written is skipped",
                entry.folder.string());
      continue;
    }
    try {
      return read_checkpoint(entry.folder);
    } catch (const DataError& error) {
      log::warn("a damaged checkpoint is skipped: {}", error.what());
    }
  }
  return std::nullopt;
}

bool has_checkpoints(const fs::path& run_dir) {
  const std::vector<Entry> entries = list(run_dir);
  return std::any_of(entries.begin(), entries.end(),
                     [](const Entry& entry) { return !entry.unfinished; });
}

void remove_old_checkpoints(const fs::path& run_dir, std::int64_t newest, int keep) {
  int kept = 0;
  for (const Entry& entry : list(run_dir)) {
    if (!entry.unfinished && entry.step <= newest && kept < keep) {
      ++kept;
      continue;
    }
    std::error_code error;
    fs::remove_all(entry.folder, error);
    if (error) {
      log::warn("{}: an old checkpoint cannot be removed: {}", entry.folder.string(),
                error.message());
    }
  }
}

}  // namespace incipit::trainer
