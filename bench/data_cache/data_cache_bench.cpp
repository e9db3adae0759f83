// How long splits take to be ready, at the first start and at the second, and in how much memory.
//
//   data_cache_bench MODEL FOLDER [LINES]
//
// Writes FOLDER/train.jsonl (LINES made-up lines; a million) and test.jsonl where they are missing,
// empties FOLDER/cache, and loads the splits twice, each in its own process.
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "core/error.h"
#include "core/random.h"
#include "data/batch.h"
#include "data/dataset.h"
#include "data/sampler.h"

namespace {

namespace fs = std::filesystem;
using namespace incipit;

constexpr const char* kWords[] = {"the",    "bridge", "is",    "closed", "again", "since",
                                  "Monday", "water",  "runs",  "under",  "a",     "door",
                                  "of",     "our",    "house", "nobody", "comes", "although",
                                  "we",     "wrote",  "twice"};

void write_lines(const fs::path& path, std::int64_t lines, std::uint64_t seed) {
  if (fs::exists(path)) return;
  std::ofstream out(path);
  Random random(seed);
  for (std::int64_t i = 0; i < lines; ++i) {
    out << R"({"idx": )" << i << R"(, "text": "letter )" << seed << '-' << i;
    for (auto left = 20 + random.below(40); left > 0; --left) {
      out << ' ' << kWords[random.below(std::size(kWords))];
    }
    out << R"(", "label": ")" << (random.below(2) == 0 ? "yes" : "no") << "\"}\n";
  }
}

double mib_of(const std::string& name) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(name)) return std::stod(line.substr(name.size())) / 1024;
  }
  return 0;
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int measure(const std::string& name, const fs::path& model, const data::TaskOptions& options) {
  data::Task task(options, data::load_task_model(model, options));
  const double before = mib_of("VmRSS:");
  const double anonymous = mib_of("RssAnon:");
  data::Splits splits;
  const double loading = seconds_of([&] { splits = data::load_splits(task, 1, 100); });
  std::uint64_t fingerprint = 0;
  const double print = seconds_of([&] { fingerprint = splits.train.fingerprint(); });
  std::vector<std::int64_t> lengths;
  std::unique_ptr<data::Sampler> sampler;
  const double order = seconds_of([&] {
    lengths = splits.train.lengths();
    sampler = std::make_unique<data::Sampler>(splits.train.groups(), 1, true);
    (void)sampler->batch(0, 1);
  });
  const double peak = mib_of("VmHWM:") - before;
  const double own = mib_of("RssAnon:") - anonymous;
  constexpr std::int64_t kBatches = 100;
  const double batches = seconds_of([&] {
    for (std::int64_t b = 0; b < kBatches; ++b) {
      std::vector<data::Example> held;
      for (const auto index : sampler->batch(b * 32, 32)) held.push_back(splits.train[index]);
      std::vector<const data::Example*> examples;
      for (const data::Example& example : held) examples.push_back(&example);
      (void)data::pack_targets(task, examples, {.prompt = 0, .rows = 100});
    }
  });
  std::printf(
      "%s: %lld + %lld + %lld examples, fingerprint %016llx\n"
      "  splits read, divided and checked %.2f s, fingerprint %.3f s, order of an epoch %.2f s\n"
      "  memory grew by at most %.0f MiB, of which %.0f MiB are its own at the end\n"
      "  a batch of 32 in %.2f ms\n",
      name.c_str(), static_cast<long long>(splits.train.size()),
      static_cast<long long>(splits.validation.size()), static_cast<long long>(splits.test.size()),
      static_cast<unsigned long long>(fingerprint), loading, print, order, peak, own,
      batches / kBatches * 1e3);
  return 0;
}

int in_child(const std::function<int()>& work) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    int result = 1;
    try {
      result = work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    std::fflush(stdout);
    ::_exit(result);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "data_cache_bench MODEL FOLDER [LINES]\n");
    return 2;
  }
  const fs::path folder = argv[2];
  fs::create_directories(folder);
  write_lines(folder / "train.jsonl", argc > 3 ? std::atoll(argv[3]) : 1'000'000, 1);
  write_lines(folder / "test.jsonl", 10'000, 2);
  fs::remove_all(folder / "cache");
  ::setenv("INCIPIT_CACHE", (folder / "cache").c_str(), 1);
  data::TaskOptions options;
  options.data_dir = folder.string();
  options.train = "train.jsonl";
  options.test = "test.jsonl";
  options.validation.share = 0.01;
  options.source_template = "{text}\nIs it about water?";
  options.verbalizer = {{"yes", " Yes"}, {"no", " No"}};
  for (const char* name : {"first start", "second start"}) {
    const int result = in_child([&] { return measure(name, argv[1], options); });
    if (result != 0) return result;
  }
  return 0;
}
