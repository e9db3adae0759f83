// The built-in tasks on the official files at hand; skipped where they are not.
#include <cstdlib>
#include <filesystem>

#include "tests/unit/tasks/built_in_task.h"

namespace incipit::testing {
namespace {

namespace fs = std::filesystem;

class OfficialData : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* elsewhere = std::getenv("INCIPIT_SHARED");
    folder_ =
        fs::path(elsewhere != nullptr ? elsewhere : INCIPIT_SHARED_DIR) / "data" / "superglue";
    ::setenv("INCIPIT_CACHE", "off", 1);  // nothing of a test stays on the machine
    if (!fs::exists(folder_)) GTEST_SKIP() << "no SuperGLUE files under " << folder_;
  }
  [[nodiscard]] data::Dataset read(const BuiltInTask& task, const std::string& file,
                                   bool training = false) const {
    return data::read_dataset(task.task(), folder_ / file, false, training);
  }

  fs::path folder_;
};

const Texts kUncut{"max_source_tokens=0", "truncate=none"};

// Counts, and a hash of all sources and targets, of a transcription in Python of T5's preprocessors
// and of what TensorFlow Datasets hands to them.
struct Expected {
  const char* task;
  const char* file;
  std::int64_t examples;
  std::uint64_t hash;
  bool training = true;
};

std::uint64_t hash_of(const data::Dataset& split, bool referent) {
  std::uint64_t hash = 0;
  const auto add = [&](const std::string& text) {
    for (const char c : text + "\n")
      hash = (hash * 31 + static_cast<unsigned char>(c)) % 1000000007;
  };
  for (const data::Example& example : split) {
    add(BuiltInTask::text(example.source));
    std::string target = BuiltInTask::text(example.target);  // " entailment</s>"
    if (target.ends_with("</s>")) target.resize(target.size() - 4);
    add(referent ? example.references.at(0) : target.empty() ? "" : target.substr(1));
  }
  return hash;
}

TEST_F(OfficialData, T5FormsAreThoseOfT5) {
  const std::vector<Expected> files{
      {"boolq_t5", "BoolQ/dev32.jsonl", 32, 318090658},
      {"boolq_t5", "BoolQ/train32.jsonl", 32, 919187643},
      {"boolq_t5", "BoolQ/val-head2000.jsonl", 2000, 922675938},
      {"cb_t5", "CB/dev32.jsonl", 32, 863118836},
      {"cb_t5", "CB/train32.jsonl", 32, 659805632},
      {"cb_t5", "CB/val.jsonl", 56, 729071339},
      {"copa_t5", "COPA/dev32.jsonl", 32, 571600853},
      {"copa_t5", "COPA/train32.jsonl", 32, 15821745},
      {"copa_t5", "COPA/val.jsonl", 100, 337571188},
      {"multirc_t5", "MultiRC/dev32.jsonl", 167, 759128319},
      {"multirc_t5", "MultiRC/train32.jsonl", 154, 246835056},
      {"rte_t5", "RTE/dev32.jsonl", 32, 496968074},
      {"rte_t5", "RTE/test.jsonl", 3000, 875607729},
      {"rte_t5", "RTE/train.jsonl", 2490, 418947548},
      {"rte_t5", "RTE/train32.jsonl", 32, 9730195},
      {"rte_t5", "RTE/val.jsonl", 277, 754903308},
      {"record_t5", "ReCoRD/dev32.jsonl", 46, 486077871},
      {"record_t5", "ReCoRD/train32.jsonl", 44, 689911671},
      {"wsc_t5", "WSC/dev32.jsonl", 32, 219497533, false},
      {"wsc_t5", "WSC/test.jsonl", 146, 251016379, false},
      {"wsc_t5", "WSC/train.jsonl", 554, 607419506, false},
      {"wsc_t5", "WSC/train32.jsonl", 32, 918788761, false},
      {"wsc_t5", "WSC/val.jsonl", 104, 396948047, false},
      {"wic_t5", "WiC/dev32.jsonl", 32, 134767840},
      {"wic_t5", "WiC/train32.jsonl", 32, 752457259},
  };
  for (const Expected& expected : files) {
    if (!fs::exists(folder_ / expected.file)) continue;
    const BuiltInTask task(expected.task, kUncut);
    const data::Dataset split = read(task, expected.file, expected.training);
    EXPECT_EQ(split.size(), expected.examples) << expected.file;
    EXPECT_EQ(hash_of(split, expected.task == std::string("wsc_t5")), expected.hash)
        << expected.file;
  }
}

TEST_F(OfficialData, CausalFormsReadEveryRecord) {
  const std::vector<Expected> files{{"boolq", "BoolQ/val-head2000.jsonl", 2000, 0},
                                    {"cb", "CB/val.jsonl", 56, 0},
                                    {"copa", "COPA/val.jsonl", 100, 0},
                                    {"multirc", "MultiRC/train32.jsonl", 154, 0},
                                    {"multirc", "MultiRC/dev32.jsonl", 167, 0},
                                    {"record", "ReCoRD/train32.jsonl", 32, 0},
                                    {"record", "ReCoRD/dev32.jsonl", 32, 0},
                                    {"rte", "RTE/test.jsonl", 3000, 0},
                                    {"rte", "RTE/val.jsonl", 277, 0},
                                    {"wic", "WiC/train32.jsonl", 32, 0},
                                    {"wsc", "WSC/train.jsonl", 554, 0},
                                    {"wsc", "WSC/val.jsonl", 104, 0},
                                    {"wsc", "WSC/test.jsonl", 146, 0}};
  for (const Expected& expected : files) {
    if (!fs::exists(folder_ / expected.file)) continue;
    const BuiltInTask task(expected.task, kUncut);
    EXPECT_EQ(read(task, expected.file).size(), expected.examples) << expected.file;
  }
}

TEST_F(OfficialData, EveryAnswerOfRecordIsACandidate) {
  const BuiltInTask task("record");
  for (const char* file : {"ReCoRD/train32.jsonl", "ReCoRD/dev32.jsonl"}) {
    for (const data::Example& example : read(task, file)) {
      EXPECT_GE(example.label, 0) << file << ":" << example.line;
    }
  }
}

TEST_F(OfficialData, WscTrainsOnPositivesAndEveryPronounIsFound) {
  const BuiltInTask task("wsc_t5", kUncut);
  EXPECT_EQ(read(task, "WSC/train.jsonl", true).size(), 259);
  std::int64_t marked = 0;
  for (const char* file : {"WSC/train.jsonl", "WSC/val.jsonl", "WSC/test.jsonl"}) {
    for (const data::Example& example : read(task, file)) {
      const std::string text = BuiltInTask::text(example.source);
      marked += std::count(text.begin(), text.end(), '*') == 2 ? 1 : 0;
    }
  }
  EXPECT_EQ(marked, 554 + 104 + 146);
}

}  // namespace
}  // namespace incipit::testing
