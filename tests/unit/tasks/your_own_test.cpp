// The task files of docs/your_own_task.md, copied from there.
#include <fstream>
#include <sstream>

#include "tests/unit/tasks/built_in_task.h"

namespace incipit::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// The fenced blocks of the page whose first line is "# NAME".
std::string block_of_page(const std::string& name) {
  std::ifstream in(INCIPIT_SOURCE_DIR "/docs/your_own_task.md");
  std::string line;
  std::string block;
  bool inside = false;
  while (std::getline(in, line)) {
    if (line == "# " + name || line == "// " + name) {
      inside = true;
    } else if (inside && line == "```") {
      return block;
    } else if (inside) {
      block += line + "\n";
    }
  }
  ADD_FAILURE() << "the page has no block '# " << name << "'";
  return "";
}

class YourOwnTask : public ::testing::Test {
 protected:
  // Reads `records` of the page with the task file of the page.
  data::Dataset read(const std::string& task_file, const std::string& records,
                     bool training = false) {
    const auto task_path = folder_.write(task_file, block_of_page(task_file));
    const auto data_path = folder_.write(records, block_of_page(records));
    task_.emplace(task_path.string());
    return data::read_dataset(task_->task(), data_path, true, training);
  }

  TemporaryFolder folder_;
  std::optional<BuiltInTask> task_;
};

TEST_F(YourOwnTask, Classification) {
  const auto split = read("tickets.yaml", "tickets.jsonl");
  ASSERT_THAT(split, SizeIs(2));
  EXPECT_EQ(BuiltInTask::text(split[0].source),
            "The lift in block 4 is stuck again.\nUrgent? Answer:");
  EXPECT_EQ(BuiltInTask::text(split[0].target), " Yes");
  EXPECT_THAT(BuiltInTask::candidates(split[1]), ElementsAre("high = Yes", "low = No"));
}

TEST_F(YourOwnTask, MultipleChoiceWithAFixedNumberOfChoices) {
  const auto split = read("quiz.yaml", "quiz.jsonl");
  ASSERT_THAT(split, SizeIs(2));
  EXPECT_EQ(BuiltInTask::text(split[0].source), "Which of them is a river?\nAnswer:");
  EXPECT_THAT(BuiltInTask::candidates(split[0]), ElementsAre("a = the Elbe", "b = the Brocken"));
  EXPECT_EQ(BuiltInTask::text(split[0].target), " the Elbe");
}

TEST_F(YourOwnTask, MultipleChoiceWithAListOfChoices) {
  const auto split = read("names.yaml", "names.jsonl");
  ASSERT_THAT(split, SizeIs(3)) << "questions, not records";
  EXPECT_EQ(BuiltInTask::text(split[2].source),
            "Ida repaired the pump.\nQuestion: Who did it?\nAnswer:");
  EXPECT_THAT(BuiltInTask::candidates(split[0]),
              ElementsAre("Olu = Olu", "Ida = Ida", "nobody = nobody"));
  EXPECT_EQ(split[0].label, 1);
  EXPECT_EQ(split[1].id, R"(["r1",2])");
}

TEST_F(YourOwnTask, Generation) {
  const auto split = read("titles.yaml", "titles.jsonl", true);
  ASSERT_THAT(split, SizeIs(1)) << "drafts are not trained on";
  EXPECT_EQ(BuiltInTask::text(split[0].source),
            "The council met on Monday and closed the pool.\nTitle:");
  EXPECT_EQ(BuiltInTask::text(split[0].target), " Council closes pool</s>");
  EXPECT_THAT(split[0].references, ElementsAre("Council closes pool", "Pool to close"));
}

}  // namespace
}  // namespace incipit::testing
