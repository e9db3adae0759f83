#include "data/example_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "data/dataset.h"
#include "data/example_key.h"
#include "tests/support/environment.h"
#include "tests/support/errors.h"
#include "tests/support/tiny_model.h"

namespace incipit::data {
namespace {

namespace fs = std::filesystem;
using incipit::testing::EnvironmentVariable;
using incipit::testing::message_of;
using incipit::testing::TemporaryFolder;
using incipit::testing::TinyModel;
using ::testing::HasSubstr;

const std::string kKey(64, 'a');

Example example(TokenId token, const std::shared_ptr<const Candidates>& candidates) {
  Example made;
  made.source = {token};
  made.candidates = candidates;
  return made;
}

class ExampleCacheTest : public ::testing::Test {
 protected:
  // Reads two examples; counts how often.
  StoredExamples get(const std::string& key = kKey, std::uint64_t limit = kCacheBytes) {
    return ExampleCache(folder_ / "cache", limit)
        .get(key, "a.jsonl", none_, [&](const ExampleCache::Take& take) {
          ++reads_;
          std::this_thread::sleep_for(pause_);
          take(example(4, none_));
          take(example(5, none_));
          return 1;
        });
  }
  fs::path file(const std::string& key = kKey) const {
    return ExampleCache(folder_ / "cache").file_of(key);
  }

  TemporaryFolder folder_;
  std::shared_ptr<const Candidates> none_ = std::make_shared<const Candidates>();
  std::chrono::milliseconds pause_{0};
  std::atomic<int> reads_ = 0;
};

TEST_F(ExampleCacheTest, ReadsOnce) {
  for (int start = 0; start < 3; ++start) {
    const StoredExamples kept = get();
    EXPECT_EQ(kept.skipped, 1);
    ASSERT_EQ(kept.store->size(), 2);
    EXPECT_EQ(kept.store->example(1).source, std::vector<TokenId>{5});
  }
  EXPECT_EQ(reads_, 1);
  EXPECT_EQ(get(std::string(64, 'b')).store->size(), 2);
  EXPECT_EQ(reads_, 2) << "another key is another file";
}

TEST_F(ExampleCacheTest, DamagedFilesAreMadeAnew) {
  (void)get();
  std::string content = read_text(file());
  for (const std::size_t size : {content.size() - 1, std::size_t{0}}) {
    folder_.write("cache/" + file().filename().string(), content.substr(0, size));
    EXPECT_EQ(get().store->size(), 2);
  }
  EXPECT_EQ(reads_, 3);
}

TEST_F(ExampleCacheTest, AFileThatCannotBeReadLeavesNothing) {
  const ExampleCache cache(folder_ / "cache");
  EXPECT_THROW((void)cache.get(kKey, "a.jsonl", none_,
                               [&](const ExampleCache::Take& take) -> std::int64_t {
                                 take(example(4, none_));
                                 throw DataError("a.jsonl:2: bad");
                               }),
               DataError);
  for (const auto& left : fs::directory_iterator(folder_ / "cache")) {
    EXPECT_THAT(left.path().filename().string(), HasSubstr("lock"));
  }
  EXPECT_EQ(get().store->size(), 2);
}

TEST_F(ExampleCacheTest, OfSeveralThatAskAtOnceOneReads) {
  pause_ = std::chrono::milliseconds(100);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(get().store->size(), 2); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(reads_, 1);
}

// Runs `work` in a child process; returns its exit status, or minus the signal that ended it.
template <typename Work>
int in_child(const Work& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST_F(ExampleCacheTest, AKilledReaderHoldsUpNobody) {
  EXPECT_EQ(in_child([&] {
              (void)ExampleCache(folder_ / "cache")
                  .get(kKey, "a.jsonl", none_, [&](const ExampleCache::Take& take) {
                    take(example(4, none_));
                    ::raise(SIGKILL);
                    return 0;
                  });
              return 0;
            }),
            -SIGKILL);
  EXPECT_EQ(get().store->size(), 2);
  EXPECT_EQ(reads_, 1);
}

TEST_F(ExampleCacheTest, AboveItsLimitTheLeastRecentlyUsedGo) {
  const std::string a(64, 'a');
  const std::string b(64, 'b');
  const std::string c(64, 'c');
  (void)get(a);
  (void)get(b);
  const auto hours_ago = [](int hours) {
    return fs::file_time_type::clock::now() - std::chrono::hours(hours);
  };
  fs::last_write_time(file(a), hours_ago(9));
  fs::last_write_time(file(b), hours_ago(5));
  (void)get(a);  // used: now b is the older one
  (void)get(c, 2 * fs::file_size(file(a)));
  EXPECT_TRUE(fs::exists(file(a)));
  EXPECT_FALSE(fs::exists(file(b)));
  EXPECT_TRUE(fs::exists(file(c)));
  (void)get(b, 1);
  EXPECT_TRUE(fs::exists(file(b))) << "the newest stays, whatever its size";
  EXPECT_FALSE(fs::exists(file(a)));
  const CacheUse use = cache_use(folder_ / "cache");
  EXPECT_EQ(use.files, 1);
  EXPECT_EQ(use.bytes, fs::file_size(file(b)));
  EXPECT_EQ(cache_use(folder_ / "none").files, 0);
}

TEST_F(ExampleCacheTest, OldUnfinishedFilesAreRemoved) {
  const fs::path old = folder_.write("cache/" + kKey + ".examples.tmp.abc", "half");
  const fs::path recent = folder_.write("cache/" + kKey + ".examples.tmp.def", "half");
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(30));
  (void)get();
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(recent));
}

TEST_F(ExampleCacheTest, AFolderThatCannotBeMadeIsNamed) {
  folder_.write("cache", "a file");
  EXPECT_THAT(message_of<StoreError>([&] { (void)get(); }), HasSubstr("cache: cannot create"));
}

TEST(CacheFolder, IsTheFirstThatIsNamed) {
  const EnvironmentVariable home("HOME", "/home/x");
  {
    const EnvironmentVariable own("INCIPIT_CACHE", "/c");
    EXPECT_EQ(cache_folder(), fs::path("/c"));
  }
  {
    const EnvironmentVariable own("INCIPIT_CACHE", "off");
    EXPECT_FALSE(cache_folder().has_value());
  }
  const EnvironmentVariable own("INCIPIT_CACHE", "");
  const EnvironmentVariable xdg("XDG_CACHE_HOME", "");
  EXPECT_EQ(cache_folder(), fs::path("/home/x/.cache/incipit"));
  ::setenv("XDG_CACHE_HOME", "/xdg", 1);
  EXPECT_EQ(cache_folder(), fs::path("/xdg/incipit"));
}

// --- keys, and files that are kept ------------------------------------------------------

class CachedDatasetTest : public ::testing::Test {
 protected:
  CachedDatasetTest() {
    options_.source_template = "{text}:";
    options_.verbalizer = {{"y", "Y"}, {"n", "N"}};
    path_ = write("text");
  }
  fs::path write(const std::string& word) const {
    std::string content;
    for (int i = 0; content.size() < kCachedFileBytes; ++i) {
      content += R"({"text": ")" + word + std::to_string(i) + std::string(200, 'x') +
                 R"(", "label": ")" + (i % 3 == 0 ? "y" : "n") + "\"}\n";
    }
    return folder_.write("a.jsonl", content);
  }
  Task task() const { return {options_, model_.task_model()}; }
  std::string key(bool labelled = true, bool training = true) const {
    return example_key(task(), path_, {.labelled = labelled, .training = training});
  }
  std::int64_t kept() const {
    if (!fs::is_directory(folder_ / "cache")) return 0;
    std::int64_t count = 0;
    for (const auto& file : fs::directory_iterator(folder_ / "cache")) {
      count += file.path().extension() == ".examples" ? 1 : 0;
    }
    return count;
  }

  TemporaryFolder folder_;
  EnvironmentVariable cache_{"INCIPIT_CACHE", (folder_ / "cache").string()};
  TinyModel model_;
  TaskOptions options_;
  fs::path path_;
};

TEST_F(CachedDatasetTest, IsTheSameFromTheCacheAsFromMemory) {
  const Dataset first = read_dataset(task(), path_, true);
  EXPECT_EQ(kept(), 1);
  const Dataset second = read_dataset(task(), path_, true);
  EXPECT_EQ(kept(), 1);
  const EnvironmentVariable off("INCIPIT_CACHE", "off");
  const Dataset in_memory = read_dataset(task(), path_, true);
  ASSERT_EQ(second.size(), in_memory.size());
  for (const Dataset* cached : {&first, &second}) {
    EXPECT_EQ(cached->fingerprint(), in_memory.fingerprint());
    EXPECT_EQ(cached->lengths(), in_memory.lengths());
    EXPECT_EQ(cached->file(), path_.string());
  }
  for (std::int64_t i = 0; i < in_memory.size(); ++i) {
    EXPECT_EQ(second[i].source, in_memory[i].source);
    EXPECT_EQ(second[i].label, in_memory[i].label);
    EXPECT_EQ(second[i].id, in_memory[i].id);
    EXPECT_EQ(second[i].candidates->size(), 2u);
  }
}

TEST_F(CachedDatasetTest, AChangedFileIsReadAnew) {
  EXPECT_EQ(read_dataset(task(), path_, true)[0].source.front(), 't');
  path_ = write("next");
  EXPECT_EQ(read_dataset(task(), path_, true)[0].source.front(), 'n');
  EXPECT_EQ(kept(), 2);
}

TEST_F(CachedDatasetTest, SmallFilesAreNotKept) {
  const fs::path small = folder_.write("b.jsonl", "{\"text\": \"t\", \"label\": \"y\"}\n");
  EXPECT_EQ(read_dataset(task(), small, true).size(), 1);
  EXPECT_EQ(kept(), 0);
}

TEST_F(CachedDatasetTest, WithoutAFolderExamplesAreHeldInMemory) {
  folder_.write("cache", "a file");
  EXPECT_GT(read_dataset(task(), path_, true).size(), 1000);
}

TEST_F(CachedDatasetTest, BadRecordsAreFoundAndCountedAsBefore) {
  std::string content = read_text(path_);
  content += "{\"text\": \"cut\n";
  path_ = folder_.write("a.jsonl", content);
  EXPECT_THAT(message_of<DataError>([&] { (void)read_dataset(task(), path_, true); }),
              HasSubstr("a.jsonl:"));
  EXPECT_EQ(kept(), 0);
  options_.on_bad_record = OnBadRecord::kSkip;
  EXPECT_EQ(read_dataset(task(), path_, true).skipped(), 1);
  EXPECT_EQ(read_dataset(task(), path_, true).skipped(), 1) << "the cache remembers it";
}

TEST_F(CachedDatasetTest, KeyFollowsAllThatMakesTheExamples) {
  std::vector<std::string> keys{key(), key(false, true), key(true, false)};
  const auto with = [&](const std::function<void(TaskOptions&)>& change) {
    const TaskOptions before = options_;
    change(options_);
    keys.push_back(key());
    options_ = before;
  };
  with([](TaskOptions& o) { o.source_template = "{text} :"; });
  with([](TaskOptions& o) { o.source_prefix = "q "; });
  with([](TaskOptions& o) { o.verbalizer[1].text = "No"; });
  with([](TaskOptions& o) { o.separator = " "; });
  with([](TaskOptions& o) { o.id_fields = {"id"}; });
  with([](TaskOptions& o) { o.group_field = "g"; });
  with([](TaskOptions& o) { o.max_source_tokens = 5, o.truncate.field = "text"; });
  with([](TaskOptions& o) { o.eos = EosPolicy::kAlways; });
  with([](TaskOptions& o) { o.on_bad_record = OnBadRecord::kSkip; });
  const TinyModel other({.adds_bos = false, .merges = {{"e", "x"}}});
  keys.push_back(example_key(Task(options_, other.task_model()), path_, {}));
  path_ = folder_.write("b.jsonl", "{}");
  keys.push_back(key());
  path_ = folder_.write("b.jsonl", "{} ");
  keys.push_back(key());
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end());
}

TEST_F(CachedDatasetTest, KeyDoesNotFollowWhatOnlyMeasures) {
  const std::string before = key();
  options_.metrics = {"macro_f1"};
  options_.on_overlap = OnOverlap::kWarn;
  options_.name = "other";
  options_.validation.share = 0.3;
  EXPECT_EQ(key(), before);
}

TEST_F(CachedDatasetTest, AFileThatPretendsToBeOldIsAnotherKey) {
  const std::string before = key();
  const auto written = fs::last_write_time(path_);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));  // clocks of files are coarse
  std::fstream(path_).put('[');                                // in place, of the same length
  fs::last_write_time(path_, written);
  EXPECT_NE(key(), before);
}

TEST_F(CachedDatasetTest, KeyIsTheSameForEveryPathOfAFile) {
  fs::create_symlink(path_, folder_ / "link.jsonl");
  EXPECT_EQ(example_key(task(), folder_ / "link.jsonl", {}), key());
}

// --- memory -----------------------------------------------------------------------------

std::int64_t kib_of(const std::string& name) {
  const std::string status = [] {
    std::ifstream in("/proc/self/status");
    return std::string(std::istreambuf_iterator<char>(in), {});
  }();
  return std::stoll(status.substr(status.find(name) + name.size()));
}

// By how many MiB a process grows, at most, while it tokenises `lines` lines and maps them.
int growth(const Task& task, const TemporaryFolder& folder, int lines) {
  const fs::path path = folder / (std::to_string(lines) + ".jsonl");
  {
    std::ofstream out(path);
    for (int i = 0; i < lines; ++i) {
      out << R"({"text": "message )" << i << " of a person who has " << i % 97
          << R"( questions about the bridge", "label": "y"})" << '\n';
    }
  }
  return in_child([&] {
    const std::int64_t before = kib_of("VmRSS:");
    const Dataset dataset = read_dataset(task, path, true);
    if (dataset.size() != lines) return 255;
    return static_cast<int>(std::min<std::int64_t>((kib_of("VmHWM:") - before) / 1024, 254));
  });
}

TEST_F(CachedDatasetTest, MemoryDoesNotGrowWithTheFile) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer keeps memory that was freed";
#endif
  // 17 MB of text and 76 MiB of examples; text is given back every 16 MiB.
  const int large = growth(task(), folder_, 200'000);
  EXPECT_LE(large, 32);
}

}  // namespace
}  // namespace incipit::data
