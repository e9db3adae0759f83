#include "data/verbalizer.h"

#include <gtest/gtest.h>

#include "tests/support/errors.h"

namespace incipit::data {
namespace {

using incipit::testing::message_of;

Record labelled(const std::string& label) { return {R"({"label": )" + label + "}", "f.jsonl", 4}; }

TEST(Verbalizer, LabelsKeepTheirOrder) {
  const Verbalizer v({{"neutral", " Neither"}, {"entailment", " True"}});
  EXPECT_EQ(v.size(), 2);
  EXPECT_EQ(v.label(0), "neutral");
  EXPECT_EQ(v.text(1).blank(), " True");
  EXPECT_EQ(v.index_of("entailment"), 1);
  EXPECT_EQ(v.index_of("Entailment"), -1);
}

TEST(Verbalizer, BooleansAndNumbersAreLabels) {
  const Verbalizer v({{"false", " No"}, {"true", " Yes"}, {"0", " first"}, {"1", " second"}});
  EXPECT_EQ(v.label_of(labelled("true"), "label"), 1);
  EXPECT_EQ(v.label_of(labelled("false"), "label"), 0);
  EXPECT_EQ(v.label_of(labelled("1"), "label"), 3);
  EXPECT_EQ(v.label_of(labelled("\"0\""), "label"), 2);
}

TEST(Verbalizer, LabelWithoutVerbalizerNamesFileAndLine) {
  const Verbalizer v({{"entailment", " Yes"}, {"not_entailment", " No"}});
  EXPECT_EQ(message_of<DataError>([&] { (void)v.label_of(labelled("\"entailmant\""), "label"); }),
            "f.jsonl:4: the label 'entailmant' has no verbalizer; task.verbalizer has entailment, "
            "not_entailment; did you mean 'entailment'?");
}

TEST(Verbalizer, LabelOfAnotherTypeIsRefused) {
  const Verbalizer v({{"a", " A"}, {"b", " B"}});
  EXPECT_EQ(
      message_of<DataError>([&] { (void)v.label_of(labelled("[\"a\"]"), "label"); }),
      "f.jsonl:4: the field 'label' is a list, but a text has one label: several labels for a text "
      "are not supported; make a task of each label, with the answers yes and no");
}

}  // namespace
}  // namespace incipit::data
