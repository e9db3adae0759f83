#include "telemetry/profile.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/files.h"
#include "core/json.h"
#include "tests/support/temporary_folder.h"

namespace incipit::telemetry {
namespace {

// A phase whose device works twice as long as the host, and ends it a second later.
PhaseSpan phase(const char* name, int depth, double begin, double seconds, double flops = 0) {
  return {.name = name,
          .depth = depth,
          .host_begin = begin,
          .host_end = begin + seconds,
          .device_begin = begin + 1,
          .device_end = begin + 1 + 2 * seconds,
          .flops = flops};
}

std::vector<PhaseSpan> step(double scale) {
  return {phase("step", 0, 0, 10 * scale, 6e9), phase("forward", 1, 0, 4 * scale, 4e9),
          phase("mlp", 2, 0, 1 * scale, 3e9), phase("mlp", 2, 2, 1 * scale, 1e9),
          phase("backward", 1, 5, 3 * scale, 2e9)};
}

TEST(Profile, RowsAreMeansOverTheStepsAfterTheFirst) {
  Profile profile({});
  profile.add(1, step(100));
  profile.add(2, step(1));
  profile.add(3, step(2));
  const auto rows = profile.rows();
  ASSERT_EQ(rows.size(), 4);
  EXPECT_EQ(rows[0].name, "step");
  EXPECT_DOUBLE_EQ(rows[0].seconds, 30);  // the device's: twice (10 + 20) / 2
  EXPECT_DOUBLE_EQ(rows[0].host_seconds, 15);
  EXPECT_EQ(rows[2].name, "mlp");
  EXPECT_EQ(rows[2].depth, 2);
  EXPECT_DOUBLE_EQ(rows[2].calls, 2);
  EXPECT_DOUBLE_EQ(rows[2].seconds, 6);  // 2 * (1 + 1 + 2 + 2) / 2
  EXPECT_DOUBLE_EQ(rows[2].flops, 4e9);
  EXPECT_EQ(rows[3].name, "backward");
}

TEST(Profile, APhaseThatFirstOccursLaterIsInItsPlace) {
  Profile profile({});
  profile.add(1, {});
  profile.add(2, std::vector{phase("step", 0, 0, 1), phase("forward", 1, 0, 1)});
  profile.add(3, std::vector{phase("step", 0, 0, 1), phase("forward", 1, 0, 1)});
  profile.add(4, std::vector{phase("step", 0, 0, 1), phase("forward", 1, 0, 1),
                             phase("scores", 2, 0, 1), phase("backward", 1, 0, 1)});
  std::string names;
  for (const auto& row : profile.rows()) names += row.name + " ";
  EXPECT_EQ(names, "step forward scores backward ");
  EXPECT_DOUBLE_EQ(profile.rows()[2].calls, 0.5);
}

TEST(Profile, ASingleStepCounts) {
  Profile profile({});
  profile.add(1, step(1));
  EXPECT_DOUBLE_EQ(profile.rows()[0].host_seconds, 10);
}

TEST(Profile, PrintsTimesAndTheShareOfTheDevicesRate) {
  Profile profile({.device = "a GPU", .device_flops = 2e9, .runs_ahead = true});
  profile.add(1, step(1));
  std::ostringstream out;
  profile.print(out, Style(false));
  EXPECT_EQ(out.str(),
            "profile: means of 1 step on a GPU, which reaches 0.002 TFLOP/s in large matmuls\n"
            "  phase             ms  % of step  calls  GFLOP  TFLOP/s  % of rate   host ms\n"
            "  step        20000.00      100.0      1   6.00    0.000       15.0  10000.00\n"
            "    forward    8000.00       40.0      1   4.00    0.001       25.0   4000.00\n"
            "      mlp      4000.00       20.0      2   4.00    0.001       50.0   2000.00\n"
            "    backward   6000.00       30.0      1   2.00    0.000       16.7   3000.00\n");
}

TEST(Profile, WritesATraceInChromesFormat) {
  const testing::TemporaryFolder folder;
  Profile profile({.device = "a GPU", .device_flops = 2e9, .runs_ahead = true});
  profile.add(7, step(1));
  profile.write(folder.path() / "profile");
  const auto path = folder.path() / "profile" / "trace.json";
  const auto trace = parse_json_of<nlohmann::json>(path, read_text(path));
  int complete = 0;
  for (const auto& event : trace.at("traceEvents")) {
    if (event.at("ph") != "X") continue;
    ++complete;
    if (event.at("name") != "forward") continue;
    const bool on_device = event.at("tid") == 1;
    EXPECT_DOUBLE_EQ(event.at("ts"), on_device ? 1e6 : 0);
    EXPECT_DOUBLE_EQ(event.at("dur"), on_device ? 8e6 : 4e6);
    EXPECT_EQ(event.at("args").at("step"), 7);
  }
  EXPECT_EQ(complete, 10);
  const auto phases = folder.path() / "profile" / "phases.json";
  EXPECT_EQ(parse_json_of<nlohmann::json>(phases, read_text(phases)).at("phases").size(), 4);
}

TEST(Profile, TracesTheFirstStepsOnly) {
  const testing::TemporaryFolder folder;
  Profile profile({});
  for (int i = 1; i <= 100; ++i) profile.add(i, step(1));
  profile.write(folder.path());
  const auto trace = parse_json_of<nlohmann::json>("", read_text(folder.path() / "trace.json"));
  EXPECT_LT(trace.at("traceEvents").size(), 60);
}

TEST(Profile, SaysHowManyPassesGraphsRepeated) {
  const testing::TemporaryFolder folder;
  Profile profile({});
  profile.add(1, step(1));
  profile.set_graphs({.passes = 10, .replayed = 8, .captured = 1, .text = "8 of 10"});
  std::ostringstream out;
  profile.print(out, Style(false));
  EXPECT_NE(out.str().find("\n8 of 10\n"), std::string::npos);
  profile.write(folder.path());
  const auto path = folder.path() / "phases.json";
  const auto graphs = parse_json_of<nlohmann::json>(path, read_text(path)).at("graphs");
  EXPECT_EQ(graphs, (nlohmann::json{{"passes", 10}, {"replayed", 8}, {"captured", 1}}));
}

}  // namespace
}  // namespace incipit::telemetry
