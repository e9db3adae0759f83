#include "data/generation_keys.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/json.h"

namespace incipit::data {
namespace {

constexpr std::size_t kShownCharacters = 40;  // of a value

constexpr std::array<std::string_view, 21> kChangeText{"num_beams",
                                                       "num_beam_groups",
                                                       "penalty_alpha",
                                                       "dola_layers",
                                                       "guidance_scale",
                                                       "min_length",
                                                       "min_new_tokens",
                                                       "no_repeat_ngram_size",
                                                       "encoder_repetition_penalty",
                                                       "bad_words_ids",
                                                       "force_words_ids",
                                                       "sequence_bias",
                                                       "suppress_tokens",
                                                       "begin_suppress_tokens",
                                                       "forced_bos_token_id",
                                                       "forced_eos_token_id",
                                                       "exponential_decay_length_penalty",
                                                       "stop_strings",
                                                       "constraints",
                                                       "watermarking_config",
                                                       "assistant_early_exit"};
constexpr std::array<std::string_view, 8> kSampling{
    "temperature", "top_p", "top_k", "min_p", "typical_p", "top_h", "epsilon_cutoff", "eta_cutoff"};

// Returns whether the value switches its key off: nothing, 0, 1 (a beam, a factor), false or an
// empty list.
bool is_off(const nlohmann::json& value) {
  if (value.is_number()) return value.get<double>() == 0 || value.get<double>() == 1;
  return value.is_null() || value == false ||
         ((value.is_array() || value.is_object()) && value.empty());
}

template <typename Keys>
std::vector<std::string> given(const JsonNode& config, const Keys& keys) {
  std::vector<std::string> found;
  for (const std::string_view key : keys) {
    const auto node = config.find(key);
    if (!node || is_off(node->value())) continue;
    const std::string value = dump_json(node->value(), -1, BadUtf8::kReplace, Letters::kAscii);
    found.push_back(std::string(key) + " " + value.substr(0, kShownCharacters));
  }
  return found;
}

}  // namespace

std::vector<std::string> unread_generation_keys(const JsonNode& generation_config) {
  return given(generation_config, kChangeText);
}

std::vector<std::string> sampling_keys(const JsonNode& generation_config) {
  const auto samples = generation_config.find("do_sample");
  return samples && samples->value() == true ? given(generation_config, kSampling)
                                             : std::vector<std::string>();
}

}  // namespace incipit::data
