#include "data/store_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "core/error.h"
#include "core/files.h"
#include "tests/support/errors.h"
#include "tests/support/temporary_folder.h"

namespace incipit::data {
namespace {

using incipit::testing::message_of;
using incipit::testing::TemporaryFolder;
using ::testing::HasSubstr;

const std::string kStoreKey(64, 'k');

std::shared_ptr<const Candidates> yes_and_no() {
  return std::make_shared<const Candidates>(
      Candidates{{"yes", " Yes", {1, 2}}, {"no", " No", {3}}});
}

// Examples that together have every field, and one without optional fields.
std::vector<Example> all_kinds(const std::shared_ptr<const Candidates>& shared) {
  Example plain;
  plain.line = 1;
  plain.id = "7";
  plain.content = 0xffffffffffffffffULL;
  plain.source = {5, 0, 2147483647};
  plain.label = 1;
  plain.target = {3};
  plain.candidates = shared;

  Example full;
  full.line = 1LL << 40;
  full.part = 3;
  full.id = R"(["ä\n", 2])";
  full.group = std::string("a\0b", 3);
  full.metric_group = "日本";
  full.references = {"", "one", "one"};
  full.content = 9;
  full.source = {8};
  full.truncated = true;
  full.target = {4, 4};
  full.candidates = std::make_shared<const Candidates>(
      Candidates{{"", "", {}}, {"x", " a longer text", {4, 4, 257, 9}}});

  Example empty;
  empty.candidates = shared;

  Example none = plain;  // its own candidates, of which there are none
  none.candidates = std::make_shared<const Candidates>();
  return {plain, full, empty, none};
}

void expect_equal(const Example& a, const Example& b) {
  EXPECT_EQ(a.line, b.line);
  EXPECT_EQ(a.part, b.part);
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.group, b.group);
  EXPECT_EQ(a.metric_group, b.metric_group);
  EXPECT_EQ(a.references, b.references);
  EXPECT_EQ(a.content, b.content);
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.truncated, b.truncated);
  EXPECT_EQ(a.label, b.label);
  EXPECT_EQ(a.target, b.target);
  ASSERT_EQ(a.candidates->size(), b.candidates->size());
  for (std::size_t c = 0; c < a.candidates->size(); ++c) {
    EXPECT_EQ((*a.candidates)[c].label, (*b.candidates)[c].label);
    EXPECT_EQ((*a.candidates)[c].text, (*b.candidates)[c].text);
    EXPECT_EQ((*a.candidates)[c].tokens, (*b.candidates)[c].tokens);
  }
}

class StoreFileTest : public ::testing::Test {
 protected:
  void write(const std::vector<Example>& examples) const {
    StoreWriter writer(path_, kStoreKey, *shared_);
    for (const Example& example : examples) writer.add(example);
    writer.finish(2);
  }
  StoredExamples open(const std::string& key = kStoreKey) const {
    return open_store(path_, key, shared_);
  }
  // Why `content` in place of the file is not used; "" when all of it is.
  std::string problem_with(const std::string& content) const {
    folder_.write("a.examples", content);
    try {
      const StoredExamples stored = open();
      for (std::int64_t i = 0; i < stored.store->size(); ++i) (void)stored.store->example(i);
    } catch (const StoreError& error) {
      return error.what();
    } catch (const DataError& error) {
      EXPECT_FALSE(std::filesystem::exists(path_)) << "so that it is made anew";
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "a.examples";
  std::shared_ptr<const Candidates> shared_ = yes_and_no();
};

TEST_F(StoreFileTest, GivesBackEveryFieldOfEveryExample) {
  const auto examples = all_kinds(shared_);
  write(examples);
  const StoredExamples stored = open();
  EXPECT_EQ(stored.skipped, 2);
  ASSERT_EQ(stored.store->size(), 4);
  for (std::int64_t i = 0; i < 4; ++i) {
    SCOPED_TRACE(i);
    expect_equal(stored.store->example(i), examples[i]);
    const auto source = stored.store->source(i);
    EXPECT_EQ(std::vector<TokenId>(source.begin(), source.end()), examples[i].source);
  }
  EXPECT_EQ(stored.store->example(0).candidates, shared_) << "shared ones are not repeated";
}

TEST_F(StoreFileTest, FactsAreThoseOfTheExamplesInMemory) {
  const auto examples = all_kinds(shared_);
  write(examples);
  const auto on_disk = open().store;
  const auto in_memory = store_in_memory(examples);
  for (std::int64_t i = 0; i < 4; ++i) {
    const ExampleFacts a = on_disk->facts(i);
    const ExampleFacts b = in_memory->facts(i);
    EXPECT_EQ(a.line, b.line);
    EXPECT_EQ(a.identity, b.identity);
    EXPECT_EQ(a.group, b.group);
    EXPECT_EQ(a.seen, b.seen);
    EXPECT_EQ(a.part, b.part);
    EXPECT_EQ(a.source_tokens, examples[i].source.size());
    EXPECT_EQ(a.target_tokens, examples[i].target.size());
    EXPECT_EQ(a.answer_tokens, b.answer_tokens);
    EXPECT_EQ(a.label, b.label);
    EXPECT_EQ(a.truncated, b.truncated);
  }
  EXPECT_EQ(on_disk->facts(0).answer_tokens, 2u) << "the longer candidate's";
  EXPECT_EQ(on_disk->facts(1).answer_tokens, 4u);
  EXPECT_EQ(on_disk->facts(3).answer_tokens, 1u) << "the target's";
}

TEST_F(StoreFileTest, IdentityIsTheTextAndCandidatesOfItsOwn) {
  Example a;
  a.content = 1;
  a.candidates = shared_;
  Example b = a;
  b.source = {9};
  b.label = 1;
  Example other_text = a;
  other_text.content = 2;
  Example other_candidates = a;
  other_candidates.candidates = std::make_shared<const Candidates>(Candidates{{"l", "t", {1}}});
  const auto store = store_in_memory({a, b, other_text, other_candidates});
  EXPECT_EQ(store->facts(0).identity, store->facts(1).identity);
  EXPECT_NE(store->facts(0).seen, store->facts(1).seen);
  EXPECT_NE(store->facts(0).identity, store->facts(2).identity);
  EXPECT_NE(store->facts(0).identity, store->facts(3).identity);
}

TEST_F(StoreFileTest, NoDamagedByteGoesUnnoticed) {
  write(all_kinds(shared_));
  const std::string whole = read_text(path_);
  EXPECT_EQ(problem_with(whole), "");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const char flip : {'\x01', '\x80'}) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      EXPECT_THAT(problem_with(damaged), HasSubstr("a.examples: ")) << "byte " << i;
    }
  }
}

TEST_F(StoreFileTest, FilesOfAnotherLengthAreRefused) {
  write(all_kinds(shared_));
  const std::string whole = read_text(path_);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(problem_with(whole.substr(0, size)), "") << size;
  }
  EXPECT_THAT(problem_with(whole + whole), HasSubstr("is shorter or longer than its header says"));
  EXPECT_THAT(problem_with(whole + "x"), HasSubstr("is shorter or longer than its header says"));
}

TEST_F(StoreFileTest, OnlyItsOwnKeyOpensAFile) {
  write(all_kinds(shared_));
  EXPECT_THAT(message_of<StoreError>([&] { (void)open(std::string(64, 'x')); }),
              HasSubstr("a.examples: was made from other data"));
  EXPECT_THAT(message_of<StoreError>([&] { (void)open_store(folder_ / "b", kStoreKey, shared_); }),
              HasSubstr("b: cannot open"));
}

TEST_F(StoreFileTest, NothingIsLeftOfAFileThatIsNotFinished) {
  {
    StoreWriter writer(path_, kStoreKey, *shared_);
    writer.add(all_kinds(shared_).front());
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(StoreFileTest, AFileWithoutExamplesIsWhole) {
  write({});
  EXPECT_EQ(open().store->size(), 0);
}

}  // namespace
}  // namespace incipit::data
