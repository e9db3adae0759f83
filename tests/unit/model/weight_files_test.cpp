#include "model/weight_files.h"

#include <ATen/ops/arange.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensors.h"

namespace incipit::model {
namespace {

using ::incipit::testing::floats;
using ::incipit::testing::numbers;
using ::incipit::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr const char* kIndex = R"({"metadata": {"total_size": 20, "made_by": "a test"},
  "weight_map": {"a": "first.safetensors", "b": "second.safetensors"}})";

class WeightFolder : public ::testing::Test {
 protected:
  void write_shards() {
    write_safetensors(folder_ / "first.safetensors", {{"a", floats({2}, {1, 2})}});
    write_safetensors(folder_ / "second.safetensors", {{"b", floats({3, 1}, {3, 4, 5})}});
    folder_.write("model.safetensors.index.json", kIndex);
  }
  void expect_refused(const std::string& reason) {
    EXPECT_THAT([&] { WeightFiles weights(folder_.path()); },
                ThrowsMessage<DataError>(HasSubstr(reason)));
  }
  TemporaryFolder folder_;
};

TEST_F(WeightFolder, ReadsASingleFile) {
  write_safetensors(folder_ / "model.safetensors", {{"w", floats({2, 2}, {1, 2, 3, 4})}});
  const WeightFiles weights(folder_.path());
  EXPECT_THAT(weights.names(), ElementsAre("w"));
  EXPECT_TRUE(weights.contains("w"));
  EXPECT_FALSE(weights.contains("lm_head.weight"));
  EXPECT_EQ(weights.total_bytes(), 16);
  EXPECT_THAT(numbers(weights.get("w", {2, 2})), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(numbers(weights.get_rows("w", {2, 2}, 1, 2)), ElementsAre(3, 4));
}

TEST_F(WeightFolder, ReadsShardsOfAnyNameThroughTheirIndex) {
  write_shards();
  const WeightFiles weights(folder_.path());
  EXPECT_THAT(weights.names(), ElementsAre("a", "b"));
  EXPECT_EQ(weights.total_bytes(), 20);
  EXPECT_THAT(numbers(weights.get("a", {2})), ElementsAre(1, 2));
  EXPECT_THAT(numbers(weights.get("b", {3, 1})), ElementsAre(3, 4, 5));
}

TEST_F(WeightFolder, AMissingTensorAndAWrongShapeAreNamed) {
  write_shards();
  const WeightFiles weights(folder_.path());
  EXPECT_THAT([&] { (void)weights.get("c", {1}); },
              ThrowsMessage<DataError>(HasSubstr("no tensor 'c'")));
  EXPECT_THAT(
      [&] {
        (void)weights.get("b", {1, 3});
      },
      ThrowsMessage<DataError>(AllOf(HasSubstr("second.safetensors"), HasSubstr("'b'"),
                                     HasSubstr("[3, 1]"), HasSubstr("[1, 3]"))));
}

TEST_F(WeightFolder, AMissingShardIsNamed) {
  write_shards();
  std::filesystem::remove(folder_ / "second.safetensors");
  expect_refused("missing: second.safetensors");
}

TEST_F(WeightFolder, ATensorThatItsShardLacksIsNamed) {
  write_shards();
  folder_.write("model.safetensors.index.json",
                R"({"weight_map": {"a": "first.safetensors", "b": "first.safetensors"}})");
  expect_refused("tensor 'b' is in first.safetensors, but it is not");
}

TEST_F(WeightFolder, ADamagedIndexIsRefused) {
  write_shards();
  const std::string index = "model.safetensors.index.json";
  folder_.write(index, "{");
  expect_refused("invalid JSON");
  folder_.write(index, "{}");
  expect_refused("weight_map: is missing");
  folder_.write(index, R"({"weight_map": {}})");
  expect_refused("names no tensor");
  folder_.write(index, R"({"weight_map": {"a": 3}})");
  expect_refused("weight_map.a: must be a string, is 3");
  folder_.write(index, R"({"weight_map": {"a": "../first.safetensors"}})");
  expect_refused("beside the index");
}

TEST_F(WeightFolder, PickledWeightsAreRefusedWithTheCommandThatConvertsThem) {
  folder_.write("pytorch_model.bin", "not read");
  expect_refused("pytorch_model.bin");
  expect_refused("save_pretrained");
}

TEST_F(WeightFolder, AFolderWithoutWeightsSaysWhatItHoldsInstead) {
  folder_.write("weights.gguf", "");
  expect_refused("neither model.safetensors nor model.safetensors.index.json");
  expect_refused("weights.gguf");
}

TEST_F(WeightFolder, TheFingerprintFollowsHeadersAndNotWeights) {
  const auto fingerprint = [&](const at::Tensor& tensor) {
    write_safetensors(folder_ / "model.safetensors", {{"w", tensor}});
    return WeightFiles(folder_.path()).header_fingerprint();
  };
  const std::string one = fingerprint(floats({2}, {1, 2}));
  EXPECT_EQ(one.size(), 64U);
  EXPECT_EQ(one, fingerprint(floats({2}, {3, 4})));
  EXPECT_NE(one, fingerprint(floats({2, 1}, {1, 2})));
}

TEST_F(WeightFolder, TheFingerprintOfWeightsFollowsWhatTheyAreAndNotHowTheyAreStored) {
  const at::Tensor small = floats({2}, {1, 2});
  const at::Tensor large = at::arange(100000, at::kFloat);  // of it only a sample is read
  const auto write = [&](const at::Tensor& a, const at::Tensor& b) {
    write_safetensors(folder_ / "model.safetensors", {{"a", a}, {"b", b}});
    return WeightFiles(folder_.path());
  };
  const WeightFiles whole = write(small, large);
  EXPECT_EQ(whole.fingerprint().size(), 64U);
  EXPECT_NE(whole.fingerprint(), whole.full_hash());
  EXPECT_NE(whole.fingerprint(), write(small.add(1), large).fingerprint());
  EXPECT_NE(whole.fingerprint(), write(small.reshape({2, 1}), large).fingerprint());
  for (const std::int64_t changed : {0, 99999}) {
    at::Tensor other = large.clone();
    other.mutable_data_ptr<float>()[changed] = -1;
    EXPECT_NE(whole.fingerprint(), write(small, other).fingerprint()) << changed;
  }
  at::Tensor unsampled = large.clone();
  unsampled.mutable_data_ptr<float>()[2000] = -1;
  EXPECT_EQ(whole.fingerprint(), write(small, unsampled).fingerprint());
  EXPECT_NE(whole.full_hash(), write(small, unsampled).full_hash());

  std::filesystem::remove(folder_ / "model.safetensors");
  write_safetensors(folder_ / "one.safetensors", {{"b", large}});
  write_safetensors(folder_ / "two.safetensors", {{"a", small}});
  folder_.write("model.safetensors.index.json",
                R"({"weight_map": {"a": "two.safetensors", "b": "one.safetensors"}})");
  const WeightFiles shards(folder_.path());
  EXPECT_EQ(shards.fingerprint(), whole.fingerprint());
  EXPECT_EQ(shards.full_hash(), whole.full_hash());
}

TEST_F(WeightFolder, AHubCacheFolderLeadsToTheSnapshotOfItsMainBranch) {
  const auto hub = std::filesystem::path("models--org--name");
  write_safetensors(folder_ / hub / "blobs" / "1234", {{"w", floats({1}, {6})}});
  folder_.write(hub / "snapshots" / "new" / "config.json", "{}");
  folder_.write(hub / "snapshots" / "old" / "config.json", "{}");
  std::filesystem::create_symlink("../../blobs/1234",
                                  folder_ / hub / "snapshots" / "new" / "model.safetensors");
  const auto path = folder_ / hub;
  EXPECT_THAT([&] { (void)resolve_model_dir(path); },
              ThrowsMessage<DataError>(HasSubstr("2 snapshots (new, old)")));
  folder_.write(hub / "refs" / "main", "new\n");
  EXPECT_EQ(resolve_model_dir(path), path / "snapshots" / "new");
  EXPECT_THAT(numbers(WeightFiles(path).get("w", {1})), ElementsAre(6));
  folder_.write(hub / "refs" / "main", "gone");
  EXPECT_THAT([&] { (void)resolve_model_dir(path); },
              ThrowsMessage<DataError>(HasSubstr("'gone'")));
  std::filesystem::remove(path / "refs" / "main");
  std::filesystem::remove_all(path / "snapshots" / "old");
  EXPECT_EQ(resolve_model_dir(path), path / "snapshots" / "new");
}

TEST_F(WeightFolder, APathThatIsNoFolderIsRefused) {
  EXPECT_THAT([&] { (void)resolve_model_dir(folder_ / "absent"); },
              ThrowsMessage<DataError>(HasSubstr("no such model folder")));
  EXPECT_THAT([&] { (void)resolve_model_dir(folder_.write("file", "")); },
              ThrowsMessage<DataError>(HasSubstr("is a file")));
}

}  // namespace
}  // namespace incipit::model
