#include "tests/support/tiny_task.h"

#include <ATen/ops/empty.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/random.h"
#include "families/llama/config.h"

namespace incipit::testing_support {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kHidden = 32;
constexpr std::int64_t kVocabulary = 256;

std::string utf8(int code) {
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
}

// Returns GPT-2's byte vocabulary: a printable byte is its own character, the others are
// characters from U+0100.
Json byte_vocabulary() {
  Json vocabulary = Json::object();
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool prints = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
    vocabulary[utf8(prints ? byte : next++)] = byte;
  }
  return vocabulary;
}

data::Task make_task(data::TaskOptions options) {
  options.name = "tiny";
  options.source_template = "{text} ->";
  data::TaskModel model;
  model.tokenizer = byte_tokenizer();
  model.special.eos = 0;
  return {std::move(options), std::move(model)};
}

}  // namespace

std::shared_ptr<const data::Tokenizer> byte_tokenizer() {
  static const auto tokenizer = [] {
    const Json byte_level = {{"type", "ByteLevel"},
                             {"add_prefix_space", false},
                             {"trim_offsets", true},
                             {"use_regex", true}};
    const Json file = {{"version", "1.0"},
                       {"truncation", nullptr},
                       {"padding", nullptr},
                       {"added_tokens", Json::array()},
                       {"normalizer", nullptr},
                       {"pre_tokenizer", byte_level},
                       {"post_processor", nullptr},
                       {"decoder", byte_level},
                       {"model",
                        {{"type", "BPE"},
                         {"dropout", nullptr},
                         {"unk_token", nullptr},
                         {"continuing_subword_prefix", nullptr},
                         {"end_of_word_suffix", nullptr},
                         {"fuse_unk", false},
                         {"byte_fallback", false},
                         {"vocab", byte_vocabulary()},
                         {"merges", Json::array()}}}};
    const auto folder = std::filesystem::temp_directory_path() /
                        ("incipit-byte-tokenizer-" + std::to_string(getpid()));
    write_atomically(folder / "tokenizer.json", file.dump());
    auto loaded = std::make_shared<const data::Tokenizer>(data::Tokenizer::load(folder));
    std::filesystem::remove_all(folder);
    return loaded;
  }();
  return tokenizer;
}

data::Task tiny_task() {
  data::TaskOptions options;
  options.verbalizer = {{"good", " yes"}, {"bad", " no way"}};
  return make_task(options);
}

data::Task tiny_generation_task() {
  data::TaskOptions options;
  options.metrics = {"loss"};
  options.target = " {label}";
  return make_task(options);
}

data::Dataset tiny_dataset(const data::Task& task, int count, std::uint64_t seed) {
  Random random(seed);
  std::vector<data::Example> examples;
  for (int i = 0; i < count; ++i) {
    std::string text;
    for (auto length = 5 + random.below(36); length > 0; --length) {
      text += static_cast<char>('a' + random.below(26));
    }
    const Json record = {{"idx", i}, {"text", text}, {"label", i % 2 == 0 ? "good" : "bad"}};
    examples.push_back(task.example(data::Record(record.dump(), "tiny.jsonl", i + 1), true));
  }
  return {"tiny.jsonl", std::move(examples), 0};
}

model::Backbone tiny_backbone(at::ScalarType dtype) {
  llama::Config config;
  config.model_type = "llama";
  config.hidden_size = kHidden;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 8;
  config.intermediate_size = 48;
  config.vocab_size = kVocabulary;
  config.max_positions = 256;
  config.tied_embeddings = true;
  return model::Backbone::random(config.spec(), 7, {.dtype = dtype});
}

at::Tensor tiny_prompt(std::int64_t rows, at::ScalarType dtype) {
  at::Tensor prompt = at::empty({rows, kHidden}, at::kDouble);
  Random random(11);
  double* values = prompt.data_ptr<double>();
  for (std::int64_t i = 0; i < prompt.numel(); ++i) values[i] = 0.3 * random.normal();
  return prompt.to(dtype);
}

}  // namespace incipit::testing_support
