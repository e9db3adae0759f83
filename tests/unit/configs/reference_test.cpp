#include <gtest/gtest.h>

#include "configs/run_config.h"
#include "core/files.h"

namespace incipit::configs {
namespace {

// Regenerate with: incipit validate --schema > docs/configuration.md
TEST(ConfigurationReference, IsWhatTheCodeReads) {
  EXPECT_EQ(read_text(INCIPIT_SOURCE_DIR "/docs/configuration.md"), configuration_reference());
}

TEST(ConfigurationReference, SaysWhatEveryKeyIsFor) {
  RunConfig config;
  Block root;
  bind(config, root);
  const auto visit = [](const auto& self, const Block& block, const std::string& path) -> void {
    for (const Block::Entry& entry : block.entries()) {
      if (const auto* child = std::get_if<Block::Child>(&entry)) {
        EXPECT_NE(child->meaning, "") << path << child->key;
        self(self, *child->block, path + child->key + ".");
      } else {
        EXPECT_NE(std::get<Field>(entry).meaning, "") << path << std::get<Field>(entry).key;
      }
    }
  };
  visit(visit, root, "");
}

}  // namespace
}  // namespace incipit::configs
