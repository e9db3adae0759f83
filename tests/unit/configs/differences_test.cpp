#include "configs/differences.h"

#include <gmock/gmock.h>

namespace incipit::configs {
namespace {

RunConfig config() {
  RunConfig config;
  config.model.path = "models/some";
  config.task.verbalizer = {{.label = "good", .text = " yes"}, {.label = "bad", .text = " no"}};
  return config;
}

TEST(Differences, NoneBetweenEqualConfigurations) {
  EXPECT_TRUE(differences(config(), config()).empty());
}

TEST(Differences, NameTheKeyAndBothValues) {
  RunConfig other = config();
  other.train.optimizer.lr = 0.5;
  other.task.verbalizer[1].text = " not";
  other.task.test = "";
  RunConfig before = config();
  before.task.test = "test.jsonl";
  std::vector<std::string> found;
  for (const Difference& each : differences(before, other)) {
    found.push_back(each.key + ": " + each.before + " -> " + each.now);
  }
  EXPECT_THAT(found, ::testing::ElementsAre("task.test: test.jsonl -> \"\"",
                                            "task.verbalizer.bad: \" no\" -> \" not\"",
                                            "train.optimizer.lr: 0.01 -> 0.5"));
}

TEST(KeysOf, AreThoseOfAllBlocks) {
  EXPECT_THAT(keys_of(config()), ::testing::IsSupersetOf(
                                     {"method.kind", "train.optimizer.lr", "task.verbalizer.bad"}));
}

}  // namespace
}  // namespace incipit::configs
