#include "report/explain_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace incipit::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

explain::Neighbours near(const std::string& text) { return {{{7, text, 0.5}}, {{7, text, 1.5}}}; }

explain::Explanation found() {
  explain::Explanation found;
  found.adapters = {"runs/a"};
  found.model = "models/m";
  found.split = "validation";
  found.examples = 64;
  found.loss_name = "target_tokens";
  found.loss = 0.5;
  found.loss_without = 2.25;
  found.split_half = 0.71;
  explain::Position position;
  position.attention = {0.25, 0.125};
  position.removed = 0.75;
  position.trained = near("<script>");
  position.random = near("r&d");
  position.lens = {{{1, "first", 0.9}}, {{2, "second", 0.4}}};
  found.positions = {position, position};
  found.agreement = {{"runs/a", "runs/b", 0.1, 0.2, 0.01}};
  found.projection = explain::Projection{{{"vocabulary", "a", 0, 1}, {"runs/a", "0", 2, 3}}, 0.4};
  return found;
}

TEST(ExplainPage, ShowsEveryPartAndTheCaveat) {
  const std::string page = explain_page(found());
  for (const char* part : {"Khashabi", "Nearest tokens", "Logit lens", "Agreement", "0.71",
                           "two dimensions", "2.2500", "+0.750", "12.5", "second"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
}

TEST(ExplainPage, EscapesTokens) {
  const std::string page = explain_page(found());
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(page, HasSubstr("r&amp;d"));
}

TEST(ExplainPage, ShowsOnlyTheEffectsOfADeepPrompt) {
  explain::Explanation deep;
  deep.adapters = {"runs/deep"};
  deep.deep = true;
  deep.positions.emplace_back().attention = {0.25};
  const std::string page = explain_page(deep);
  EXPECT_THAT(page, HasSubstr("Attention by position"));
  for (const char* part : {"Khashabi", "Nearest tokens", "Logit lens", "Agreement"}) {
    EXPECT_THAT(page, Not(HasSubstr(part)));
  }
}

}  // namespace
}  // namespace incipit::report
