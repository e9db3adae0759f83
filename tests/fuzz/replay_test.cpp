// Every input of the corpora is read, or refused with a message.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "tests/fuzz/targets.h"

namespace incipit::fuzz {
namespace {

struct Target {
  const char* name;
  void (*read)(std::string_view);
  friend void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }
};

class Corpus : public ::testing::TestWithParam<Target> {};

TEST_P(Corpus, IsReadOrRefused) {
  int read = 0;
  int refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(INCIPIT_FUZZ_CORPUS) / GetParam().name)) {
    SCOPED_TRACE(entry.path().string());
    try {
      GetParam().read(read_text(entry.path()));
      ++read;
    } catch (const Error& error) {
      EXPECT_STRNE(error.what(), "");
      ++refused;
    }
  }
  EXPECT_GT(read, 0);
  EXPECT_GT(refused, 0);
}

INSTANTIATE_TEST_SUITE_P(Readers, Corpus,
                         ::testing::Values(Target{"adapter", read_adapter},
                                           Target{"chat", read_chat}, Target{"csv", read_csv},
                                           Target{"jsonl", read_jsonl}, Target{"npy", read_npy},
                                           Target{"safetensors", read_safetensors},
                                           Target{"tokenizer", read_tokenizer},
                                           Target{"yaml", read_yaml}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace incipit::fuzz
