#include "configs/builtin.h"
#include "tests/unit/tasks/built_in_task.h"

namespace incipit::testing {
namespace {

using ::testing::Contains;

TEST(BuiltInTasks, AllOfSuperGlueInTwoForms) {
  const auto names = configs::names(configs::builtin_tasks());
  for (const char* task :
       {"axb", "axg", "boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc"}) {
    EXPECT_THAT(names, Contains(task));
    EXPECT_THAT(names, Contains(std::string(task) + "_t5"));
  }
}

TEST(BuiltInTasks, AreWithoutContradictionAndDescribed) {
  for (const auto& file : configs::builtin_tasks()) {
    EXPECT_NO_THROW(BuiltInTask(std::string(file.name))) << file.name;
    EXPECT_NE(file.description(), "") << file.name;
  }
}

TEST(BuiltInTasks, OfSuperGlueWriteItsFiles) {
  for (const std::string name :
       {"axb", "axg", "boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc"}) {
    for (const std::string& form : {name, name + "_t5"}) {
      const BuiltInTask task{form};
      EXPECT_TRUE(task.task().options().submission.file.ends_with(".jsonl")) << form;
    }
  }
}

TEST(BuiltInTasks, AreNamedByTheRecipes) {
  const auto tasks = configs::names(configs::builtin_tasks());
  for (const auto& recipe : configs::builtin_recipes()) {
    const auto config =
        configs::load_run_config(std::string(recipe.name), {},
                                 [](const configs::RunConfig& read, const configs::Report& report) {
                                   if (read.task.source_template.empty())
                                     return;  // a recipe of several tasks
                                   for (const auto& each : data::validate(read.task))
                                     report(each.key, each.message);
                                 });
    if (!config.task.name.empty()) {
      EXPECT_THAT(tasks, Contains(config.task.name)) << recipe.name;
    }
  }
}

}  // namespace
}  // namespace incipit::testing
