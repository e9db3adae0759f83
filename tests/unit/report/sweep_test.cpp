#include "report/sweep.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "tests/support/temporary_folder.h"

namespace incipit::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

MemberResult member(const std::string& setting, int seed, double validation, double test) {
  return {.name = setting + "-seed" + std::to_string(seed),
          .setting = setting,
          .best_step = 10 * seed,
          .validation = validation,
          .test = test};
}

// Two settings of three members each, the first with an ensemble.
Sweep sweep() {
  Sweep sweep;
  sweep.name = "rte";
  sweep.metric = "accuracy";
  sweep.members = {member("lr1", 1, 0.5, 0.25), member("lr1", 2, 0.75, 0.5),
                   member("lr1", 3, 0.625, 0.75), member("lr2", 1, 0.75, 0.5)};
  sweep.ensembles = {{"lr1", 0.8125, 0.6875}};
  sweep.seconds = 8;
  sweep.rows = 1200;
  return sweep;
}

TEST(SweepReport, OrdersSettingsByTheirMeanValidationScore) {
  const auto settings = settings_of(sweep());
  ASSERT_EQ(settings.size(), 2u);
  EXPECT_EQ(settings[0].name, "lr2");
  EXPECT_EQ(settings[1].name, "lr1");
  Sweep losses = sweep();
  losses.higher_is_better = false;
  EXPECT_EQ(settings_of(losses)[0].name, "lr1");
}

TEST(SweepReport, SummarisesTheMembersOfASetting) {
  const SettingResult setting = settings_of(sweep())[1];
  EXPECT_EQ(setting.members, 3);
  EXPECT_EQ(setting.validation->mean, 0.625);
  EXPECT_EQ(setting.test->mean, 0.5);
  EXPECT_EQ(setting.test->deviation, 0.25);  // sample standard deviation
  EXPECT_EQ(setting.test->highest, 0.75);
  EXPECT_EQ(setting.best, "lr1-seed2");  // by validation, not by test
  EXPECT_EQ(setting.best_test, 0.5);
  EXPECT_EQ(setting.ensemble->vote, 0.8125);
  const SettingResult single = settings_of(sweep())[0];
  EXPECT_EQ(single.test->deviation, 0);
  EXPECT_FALSE(single.ensemble);
}

TEST(SweepReport, WritesWhatItReads) {
  const incipit::testing::TemporaryFolder folder;
  write_sweep(folder.path(), sweep());
  folder.write("metrics.jsonl",
               R"({"step":1,"loss":1,"losses":{"lr1-seed1":2},"seconds":1.5,"tokens":100})"
               "\n"
               R"({"step":2,"loss":1,"losses":{"lr1-seed1":2},"seconds":0.5,"tokens":300})"
               "\n");
  const Sweep read = read_sweep(folder.path());
  EXPECT_EQ(read.name, "rte");
  ASSERT_EQ(read.members.size(), 4u);
  EXPECT_EQ(read.members[2].name, "lr1-seed3");
  EXPECT_EQ(read.members[2].best_step, 30);
  EXPECT_EQ(read.members[2].test, 0.75);
  EXPECT_EQ(read.ensembles[0].mean_probability, 0.6875);
  EXPECT_EQ(read.seconds, 2);
  EXPECT_EQ(read.rows, 400);
}

TEST(SweepReport, RefusesADamagedFile) {
  const incipit::testing::TemporaryFolder folder;
  folder.write("sweep.json", R"({"name": "a", "members": 3})");
  try {
    (void)read_sweep(folder.path());
    FAIL() << "was read";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("sweep.json: is damaged"));
  }
}

TEST(SweepReport, ShowsEveryMemberAndTheCost) {
  const std::string page = sweep_page(sweep());
  for (const char* text : {"lr1-seed3", "0.6250 (0.1250)", "0.8125", "a member", "1,200"}) {
    EXPECT_THAT(page, HasSubstr(text));
  }
  std::ostringstream printed;
  print_sweep(printed, telemetry::Style(false), sweep());
  EXPECT_THAT(printed.str(), HasSubstr("lr1-seed2"));
  EXPECT_THAT(printed.str(), HasSubstr("mean probability"));
  const auto json = nlohmann::json::parse(sweep_json(sweep()));
  EXPECT_EQ(json["settings"][1]["ensemble"]["vote"], 0.8125);
  EXPECT_EQ(json["cost"]["seconds_per_member"], 2);
}

TEST(SweepReport, LeavesOutColumnsThatNoSettingHas) {
  Sweep one_each = sweep();
  one_each.members.erase(one_each.members.begin(), one_each.members.begin() + 2);
  one_each.ensembles.clear();
  std::ostringstream printed;
  print_sweep(printed, telemetry::Style(false), one_each);
  EXPECT_THAT(printed.str(), Not(HasSubstr("vote")));
  EXPECT_THAT(printed.str(), Not(HasSubstr("best member")));
}

}  // namespace
}  // namespace incipit::report
