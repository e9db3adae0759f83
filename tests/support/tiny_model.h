// A model folder for tests of texts: a byte-level tokenizer in which every byte is a token
// whose id is the byte's value, so that expected ids can be written as text.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/forest.h"
#include "data/special_tokens.h"
#include "data/task.h"
#include "data/tokenizer/tokenizer.h"
#include "tests/support/temporary_folder.h"

namespace incipit::testing {

class TinyModel {
 public:
  static constexpr TokenId kBos = 256;         // <s>
  static constexpr TokenId kEos = 257;         // </s>
  static constexpr TokenId kTurn = 258;        // <|im_start|>
  static constexpr TokenId kTurnEnd = 259;     // <|im_end|>
  static constexpr TokenId kFirstMerge = 260;  // ids of `merges`, in order

  struct Options {
    bool adds_bos = false;  // the post-processor puts <s> in front
    // Pairs of ASCII texts, each a byte or an earlier merge, that become one token.
    std::vector<std::pair<std::string, std::string>> merges;
  };

  TinyModel() : TinyModel(Options{}) {}
  explicit TinyModel(const Options& options) {
    folder_.write("tokenizer.json", tokenizer_json(options).dump());
    folder_.write("tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": "</s>"})");
    tokenizer_ = std::make_shared<const data::Tokenizer>(data::Tokenizer::load(folder_.path()));
  }

  [[nodiscard]] const TemporaryFolder& folder() const { return folder_; }
  [[nodiscard]] const std::shared_ptr<const data::Tokenizer>& tokenizer() const {
    return tokenizer_;
  }
  [[nodiscard]] data::TaskModel task_model() const {
    return {.tokenizer = tokenizer_,
            .special = data::read_special_tokens(folder_.path(), *tokenizer_),
            .chat = std::nullopt,
            .max_positions = 0,
            .vocab_size = 0};
  }

 private:
  // Returns the printable character that represents a byte (GPT-2's table), as UTF-8.
  static std::string letter(int byte) {
    const auto printable = [](int b) {
      return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
    };
    int code = byte;
    if (!printable(byte)) {
      code = 256;
      for (int b = 0; b < byte; ++b) code += printable(b) ? 0 : 1;
    }
    if (code < 0x80) return {static_cast<char>(code)};
    return {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
  }

  static std::string letters(std::string_view text) {
    std::string out;
    for (const char c : text) out += letter(static_cast<unsigned char>(c));
    return out;
  }

  static nlohmann::json tokenizer_json(const Options& options) {
    using nlohmann::json;
    json vocab = json::object();
    for (int byte = 0; byte < 256; ++byte) vocab[letter(byte)] = byte;
    json merges = json::array();
    TokenId next = kFirstMerge;
    for (const auto& [left, right] : options.merges) {
      merges.push_back({letters(left), letters(right)});
      vocab[letters(left + right)] = next++;
    }
    json added = json::array();
    TokenId id = kBos;
    for (const char* text : {"<s>", "</s>", "<|im_start|>", "<|im_end|>"}) {
      vocab[text] = id;
      added.push_back({{"id", id++},
                       {"content", text},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
    }
    const json byte_level = {{"type", "ByteLevel"},
                             {"add_prefix_space", false},
                             {"trim_offsets", true},
                             {"use_regex", true}};
    json processor = nullptr;
    if (options.adds_bos) {
      const json first = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
      const json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
      processor = {
          {"type", "TemplateProcessing"},
          {"single", {first, text}},
          {"pair", {first, text}},
          {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {kBos}}, {"tokens", {"<s>"}}}}}}};
    }
    return {{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"added_tokens", added},
            {"normalizer", nullptr},
            {"pre_tokenizer", byte_level},
            {"post_processor", processor},
            {"decoder", byte_level},
            {"model",
             {{"type", "BPE"},
              {"dropout", nullptr},
              {"unk_token", nullptr},
              {"continuing_subword_prefix", nullptr},
              {"end_of_word_suffix", nullptr},
              {"fuse_unk", false},
              {"byte_fallback", false},
              {"ignore_merges", false},
              {"vocab", vocab},
              {"merges", merges}}}};
  }

  TemporaryFolder folder_;
  std::shared_ptr<const data::Tokenizer> tokenizer_;
};

// The ids that TinyModel gives a text without special tokens or merges.
[[nodiscard]] inline std::vector<TokenId> byte_ids(std::string_view text) {
  std::vector<TokenId> ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

}  // namespace incipit::testing
