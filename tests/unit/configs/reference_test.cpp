#include <gtest/gtest.h>

#include "configs/run_config.h"
#include "core/files.h"
#include "core/schema.h"

namespace incipit::configs {
namespace {

// Regenerate with: incipit validate --schema > docs/configuration.md
TEST(ConfigurationReference, IsWhatTheCodeReads) {
  EXPECT_EQ(read_text(INCIPIT_SOURCE_DIR "/docs/configuration.md"), configuration_reference());
}

TEST(ConfigurationReference, SaysWhatEveryKeyIsFor) {
  RunConfig config;
  Schema root;
  declare(root, config);
  const auto visit = [](const auto& self, const Schema& block, const std::string& path) -> void {
    for (const Schema::Entry& entry : block.entries()) {
      if (const auto* child = std::get_if<Schema::Block>(&entry)) {
        EXPECT_NE(child->meaning, "") << path << child->key;
        self(self, *child->schema, path + child->key + ".");
      } else {
        EXPECT_NE(std::get<Schema::Field>(entry).meaning, "")
            << path << std::get<Schema::Field>(entry).key;
      }
    }
  };
  visit(visit, root, "");
}

}  // namespace
}  // namespace incipit::configs
