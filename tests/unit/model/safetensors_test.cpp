#include "model/safetensors.h"

#include <ATen/ops/empty.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
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

std::string file_content(const std::string& header, const std::string& data,
                         std::optional<std::uint64_t> claimed_length = std::nullopt) {
  const std::uint64_t length = claimed_length.value_or(header.size());
  std::string content(8, '\0');
  std::memcpy(content.data(), &length, 8);
  return content + header + data;
}

// Opens a file with this header and data.
class SafetensorsReading : public ::testing::Test {
 protected:
  SafetensorsFile open(const std::string& content) {
    return SafetensorsFile(folder_.write("weights.safetensors", content));
  }
  // Refused with a message that names the file and says `reason`.
  void expect_refused(const std::string& content, const std::string& reason) {
    EXPECT_THAT([&] { open(content); }, ThrowsMessage<DataError>(AllOf(
                                            HasSubstr("weights.safetensors"), HasSubstr(reason))));
  }
  void expect_refused(const std::string& header, std::size_t data_bytes,
                      const std::string& reason) {
    expect_refused(file_content(header, std::string(data_bytes, 'x')), reason);
  }
  TemporaryFolder folder_;
};

TEST(Safetensors, ReadsBackWhatItWrote) {
  const TemporaryFolder folder;
  const auto path = folder / "deep" / "a.safetensors";
  const at::Tensor matrix = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  write_safetensors(path,
                    {{"matrix", matrix},
                     {"transposed", matrix.t()},
                     {"half", matrix.to(at::kBFloat16)},
                     {"wide", matrix.to(at::kDouble)},
                     {"ids", matrix.to(at::kLong)},
                     {"none", floats({0, 4}, {})},
                     {"number", floats({}, {7})}},
                    {{"made by", "a test"}});
  const SafetensorsFile file(path);
  EXPECT_THAT(file.names(),
              ElementsAre("half", "ids", "matrix", "none", "number", "transposed", "wide"));
  EXPECT_THAT(numbers(file.tensor("matrix")), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(numbers(file.tensor("transposed")), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(numbers(file.tensor("half")), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(file.tensor("half").scalar_type(), at::kBFloat16);
  EXPECT_EQ(file.tensor("wide").scalar_type(), at::kDouble);
  EXPECT_EQ(file.tensor("ids").scalar_type(), at::kLong);
  EXPECT_THAT(file.tensor("none").sizes(), ElementsAre(0, 4));
  EXPECT_EQ(file.tensor("number").dim(), 0);
  EXPECT_THAT(numbers(file.tensor("number")), ElementsAre(7));
  EXPECT_THAT(file.metadata(),
              ElementsAre(std::pair("format", "pt"), std::pair("made by", "a test")));
}

TEST(Safetensors, EqualInputGivesEqualBytesInPytorchsLayout) {
  const TemporaryFolder folder;
  const at::Tensor prompt = floats({1, 2}, {1, 2});
  write_safetensors(folder / "a", {{"prompt_embeddings", prompt}});
  write_safetensors(folder / "b", {{"prompt_embeddings", prompt}});
  const std::string content = read_text(folder / "a");
  EXPECT_EQ(content, read_text(folder / "b"));
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"prompt_embeddings":{"dtype":"F32","shape":[1,2],)"
      R"("data_offsets":[0,8]}})";
  EXPECT_EQ(content.substr(8, header.size()), header);
  EXPECT_EQ((content.size() - 8) % 8, 0U);
}

TEST(Safetensors, ATensorOutlivesItsFile) {
  const TemporaryFolder folder;
  write_safetensors(folder / "a", {{"x", floats({2}, {3, 4})}});
  at::Tensor tensor;
  {
    const SafetensorsFile file(folder / "a");
    tensor = file.tensor("x");
  }
  EXPECT_THAT(numbers(tensor), ElementsAre(3, 4));
}

TEST(Safetensors, RowsAreASliceOfTheFirstDimension) {
  const TemporaryFolder folder;
  write_safetensors(folder / "a", {{"x", floats({3, 2}, {1, 2, 3, 4, 5, 6})}});
  const SafetensorsFile file(folder / "a");
  EXPECT_THAT(numbers(file.rows("x", 1, 3)), ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(file.rows("x", 2, 2).sizes(), ElementsAre(0, 2));
  EXPECT_THROW((void)file.rows("x", 2, 4), LogicError);
}

TEST_F(SafetensorsReading, AnUnalignedTensorIsReadAllTheSame) {
  const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})";
  const float value = 2.5F;
  std::string data(5, '\x09');
  std::memcpy(data.data() + 1, &value, 4);
  const SafetensorsFile file = open(file_content(header, data));
  EXPECT_THAT(numbers(file.tensor("b")), ElementsAre(2.5F));
  EXPECT_THAT(numbers(file.tensor("a")), ElementsAre(9));
}

TEST_F(SafetensorsReading, AMissingTensorIsNamed) {
  const SafetensorsFile file = open(file_content("{}", ""));
  EXPECT_FALSE(file.contains("lm_head.weight"));
  EXPECT_THAT([&] { (void)file.tensor("lm_head.weight"); },
              ThrowsMessage<DataError>(AllOf(HasSubstr("lm_head.weight"), HasSubstr("missing"))));
}

TEST_F(SafetensorsReading, RefusesWhatIsNoSafetensorsFile) {
  expect_refused("", "only 0 bytes");
  expect_refused("short", "only 5 bytes");
  expect_refused(file_content("[1]", ""), "begin with '{'");
  expect_refused(file_content("", ""), "begin with '{'");
  EXPECT_THROW(SafetensorsFile(folder_ / "absent"), DataError);
}

TEST_F(SafetensorsReading, RefusesAHugeOrTruncatedHeader) {
  expect_refused(file_content("{}", "", 100'000'001), "at most 100000000");
  expect_refused(file_content("{}", "", ~std::uint64_t{0}), "at most 100000000");
  expect_refused(file_content("{}", "", 90'000'000), "truncated");
}

TEST_F(SafetensorsReading, RefusesHeadersThatAreNoJson) {
  expect_refused(R"({"a":)", 0, "invalid JSON");
  expect_refused("{\"a\xff\":1}", 0, "invalid JSON");
  expect_refused("{} {}", 0, "invalid JSON");
  expect_refused(R"({"a":)" + std::string(5000, '['), 0, "nested");
}

TEST_F(SafetensorsReading, RefusesDuplicateKeys) {
  const std::string entry = R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  expect_refused(R"({"a":)" + entry + R"(,"a":)" + entry + "}", 4, "\"a\" stands twice");
  expect_refused(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4,
                 "\"dtype\" stands twice");
}

TEST_F(SafetensorsReading, RefusesWrongEntries) {
  expect_refused(R"({"a":3})", 0, "tensor 'a': its entry must be an object");
  expect_refused(R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4, "dtype is missing");
  expect_refused(R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", 4,
                 "dtype F8_E4M3 is not supported; supported: F64, F32");
  expect_refused(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4, "shape is missing");
  expect_refused(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "holds -1");
  expect_refused(R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", 4, "holds 1.0");
  expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "[begin, end]");
  expect_refused(R"({"__metadata__":{"n":1}})", 0, "__metadata__.n must be a string");
}

TEST_F(SafetensorsReading, RefusesOffsetsOutOfRange) {
  expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4,
                 "end before they begin");
  expect_refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7, "truncated");
  expect_refused(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]}})", 8,
                 "truncated");
  expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 5,
                 "the tensors end at byte 4");
}

TEST_F(SafetensorsReading, RefusesSizesThatDoNotFitTheShape) {
  expect_refused(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8,
                 "shape [3] of F32 takes 12 bytes, but data_offsets hold 8");
  expect_refused(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0,
                 "too large");
  expect_refused(R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,0]}})", 0,
                 "too large");
  expect_refused(R"({"a":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}})",
                 0, "too large");
}

TEST_F(SafetensorsReading, RefusesOverlapsAndHoles) {
  const std::string a = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)";
  expect_refused(a + R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12, "overlap");
  expect_refused(a + R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8, "overlap");
  expect_refused(a + R"("b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})", 16, "hole");
  expect_refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "hole");
}

// Damages a valid file in many ways: each is refused with a DataError or can be read in full.
TEST_F(SafetensorsReading, DamageIsRefusedOrHarmless) {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("b":{"dtype":"BF16","shape":[5],"data_offsets":[24,34]},)"
      R"("c":{"dtype":"I64","shape":[],"data_offsets":[34,42]}}  )";
  const std::string valid = file_content(header, std::string(42, '\x01'));
  const std::string kAlphabet = "0123456789{}[]\",:-.eFIBU \\\xff";
  Random random(7);
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string content = valid;
    for (std::uint64_t edits = 1 + random.below(3); edits > 0; --edits) {
      const std::uint64_t at = random.below(content.size());
      switch (random.below(5)) {
        case 0:
          content[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          content[at] = kAlphabet[random.below(kAlphabet.size())];
          break;
        case 2:
          content.insert(at, 1, kAlphabet[random.below(kAlphabet.size())]);
          break;
        case 3:
          content.erase(at, 1 + random.below(4));
          break;
        default:
          content[random.below(8)] = static_cast<char>(random.below(256));
          break;
      }
      if (content.empty()) content = " ";
    }
    try {
      const SafetensorsFile file = open(content);
      for (const std::string& name : file.names()) (void)numbers(file.tensor(name));
    } catch (const DataError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 3000);
  EXPECT_NO_THROW(open(valid));
}

}  // namespace
}  // namespace incipit::model
