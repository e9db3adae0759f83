#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/files.h"
#include "methods/prompt_tuning/adapter_files.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensors.h"

namespace incipit::prompt_tuning {
namespace {

using ::incipit::testing::floats;
using ::incipit::testing::numbers;
using ::incipit::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// A .npy of format `version` with this header and these numbers.
std::string npy(std::string header, const std::vector<float>& numbers, int version = 1) {
  std::string content("\x93NUMPY");
  content += static_cast<char>(version);
  content += '\0';
  const auto length = static_cast<std::uint32_t>(header.size());
  content.append(reinterpret_cast<const char*>(&length), version == 1 ? 2 : 4);
  content += header;
  return content.append(reinterpret_cast<const char*>(numbers.data()), 4 * numbers.size());
}

class NpyFile : public ::testing::Test {
 protected:
  std::vector<float> read(const std::string& content) {
    return numbers(load_any(folder_.write("prompt.npy", content)).prompt.values);
  }
  void expect_refused(const std::string& content, const std::string& reason) {
    EXPECT_THAT([&] { (void)read(content); },
                ThrowsMessage<DataError>(AllOf(HasSubstr("prompt.npy"), HasSubstr(reason))));
  }
  TemporaryFolder folder_;
};

TEST_F(NpyFile, ComesBackAsItWasSaved) {
  save_npy(folder_ / "rte.npy", {"x", floats({3, 2}, {1, 2, 3, 4, 5, 6}).t().contiguous()});
  const LoadedPrompt loaded = load_any(folder_ / "rte.npy");
  EXPECT_EQ(loaded.prompt.name, "rte");
  EXPECT_EQ(loaded.backbone.hidden_size, 3);
  EXPECT_THAT(loaded.prompt.values.sizes(), ElementsAre(2, 3));
  EXPECT_THAT(numbers(loaded.prompt.values), ElementsAre(1, 3, 5, 2, 4, 6));
}

TEST_F(NpyFile, ItsHeaderIsNumPys) {
  save_npy(folder_ / "a.npy", {"p", floats({1, 2}, {1, 2})});
  const std::string content = read_text(folder_ / "a.npy");
  const std::string begin("\x93NUMPY\x01\x00\x76\x00", 10);
  EXPECT_EQ(content.substr(0, 10), begin);
  EXPECT_THAT(content.substr(10, 118),
              ::testing::MatchesRegex(
                  R"(\{'descr': '<f4', 'fortran_order': False, 'shape': \(1, 2\), \} +.)"));
  EXPECT_EQ(content.size(), 128U + 8U);
}

TEST_F(NpyFile, ReadsEveryFormatAndWidth) {
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }\n";
  for (const int version : {1, 2, 3}) {
    EXPECT_THAT(read(npy(header, {1, 2}, version)), ElementsAre(1, 2)) << version;
  }
  const std::string wide = "{\"x\": 0, 'shape':(1,1), 'fortran_order':False,'descr':'<f8'}";
  const double value = 2.5;
  std::vector<float> halves(2);
  std::memcpy(halves.data(), &value, 8);
  EXPECT_THAT(read(npy(wide, halves)), ElementsAre(2.5F));
}

TEST_F(NpyFile, RefusesWhatIsNoNpy) {
  expect_refused("", "not a .npy file");
  expect_refused("PK something else", "not a .npy file");
  expect_refused(npy("{}", {}, 9), ".npy format 9");
  expect_refused(npy("{}", {}), "lacks 'descr'");
  expect_refused(npy("{'descr'", {}), "lacks 'descr'");
  expect_refused(npy("{'descr': '<f4", {}), "no simple type");
  expect_refused(npy("{'descr': '<f4'}", {}), "lacks 'fortran_order'");
  expect_refused(npy("{}", {}).substr(0, 11), "claims a header of 2 bytes");
  expect_refused(npy(std::string(20000, ' '), {}), "claims a header of 20000 bytes");
  EXPECT_THROW((void)load_any(folder_ / "absent.npy"), DataError);
  EXPECT_THAT([&] { (void)load_any(folder_.write("prompt.txt", "")); },
              ThrowsMessage<DataError>(HasSubstr(".npy file")));
}

TEST_F(NpyFile, RefusesOtherShapesAndTypes) {
  const auto header = [](const std::string& dtype, const std::string& order,
                         const std::string& shape) {
    return "{'descr': '" + dtype + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
  };
  expect_refused(npy(header("<i4", "False", "(1, 2)"), {1, 2}), "type '<i4'");
  expect_refused(npy(header("|O", "False", "(1, 2)"), {1, 2}), "type '|O'");
  expect_refused(npy(header("<f4", "True", "(1, 2)"), {1, 2}), "Fortran order");
  expect_refused(npy(header("<f4", "False", "(2,)"), {1, 2}), "1 dimensions");
  expect_refused(npy(header("<f4", "False", "(2, 0)"), {}), "empty");
  expect_refused(npy(header("<f4", "False", "7"), {}), "no tuple");
  expect_refused(npy(header("<f4", "False", "(2, x)"), {}), "no tuple of numbers");
  expect_refused(npy(header("<f4", "False", "(2, -1)"), {}), "no tuple of numbers");
  expect_refused(npy(header("<f4", "False", "(2, 2)"), {1, 2}), "truncated");
  expect_refused(npy(header("<f4", "False", "(1, 1)"), {1, 2}), "has 8 bytes of data");
  expect_refused(npy(header("<f4", "False", "(4611686018427387904, 4)"), {1}), "too large");
  expect_refused(npy(header("<f4", "False", "(1, 2)"), {1, NAN}), "not finite");
}

}  // namespace
}  // namespace incipit::prompt_tuning
