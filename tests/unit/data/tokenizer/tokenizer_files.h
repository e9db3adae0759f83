// Small tokenizer.json files for tests.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "core/error.h"
#include "data/tokenizer/json_node.h"
#include "data/tokenizer/tokenizer.h"
#include "tests/support/temporary_folder.h"

namespace incipit::data::testing {

using nlohmann::json;

using ::incipit::testing::TemporaryFolder;

// A text-level BPE over a, b, c and space, with ab, abc and "b c" as tokens.
inline json small_tokenizer() {
  return {{"version", "1.0"},
          {"added_tokens", json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", nullptr},
          {"post_processor", nullptr},
          {"decoder", {{"type", "Fuse"}}},
          {"model",
           {{"type", "BPE"},
            {"unk_token", "?"},
            {"vocab", {{"a", 0}, {"b", 1}, {"c", 2}, {" ", 3}, {"ab", 4}, {"abc", 5}, {"?", 6}}},
            {"merges", {"a b", "ab c"}}}}};
}

inline json added_token(int id, const std::string& content, const json& flags = {}) {
  json token = {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", false}};
  if (flags.is_object()) token.update(flags);
  return token;
}

inline Tokenizer load(const json& tokenizer) {
  const TemporaryFolder folder;
  return Tokenizer::load(folder.write("tokenizer.json", tokenizer.dump()));
}

// The message of the DataError that loading throws; "" when it throws none.
inline std::string load_error(const json& tokenizer) {
  try {
    static_cast<void>(load(tokenizer));
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

}  // namespace incipit::data::testing
