#include "families/other_keys.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/json.h"

namespace incipit::families {
namespace {

using nlohmann::json;

constexpr std::size_t kShownCharacters = 60;  // of a value, in a message

// Keys without influence on the computation, in every family.
constexpr std::string_view kHarmless[] = {
    // the file and the programs that wrote it
    "architectures", "model_type", "transformers_version", "transformers.js_config", "torch_dtype",
    "dtype", "license", "name", "model_name", "description", "unsloth_version", "unsloth_fixed",
    "unsloth_optimized", "finetuning_task", "library_name",
    // vocabulary and special tokens
    "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "unk_token_id", "cls_token_id",
    "mask_token_id", "decoder_start_token_id", "bos_token", "eos_token", "pad_token",
    "tokenizer_class", "tokenizer_name", "prefix", "model_max_length", "max_sequence_length",
    "seq_length", "original_max_position_embeddings", "vocab_size", "unpadded_vocab_size",
    // training and initialisation
    "initializer_range", "initializer_factor", "gradient_checkpointing", "neftune_noise_alpha",
    "attention_dropout", "attn_pdrop", "embd_pdrop", "resid_pdrop", "hidden_dropout",
    "hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout", "embd_dropout",
    "resid_dropout", "dropout", "use_bfloat16", "bf16", "fp16", "fp32",
    // how another program computes the same numbers
    "use_cache", "cache_implementation", "pretraining_tp", "chunk_size_feed_forward", "is_decoder",
    "attn_implementation", "use_flash_attn", "use_flash_attention", "use_flash_attention_2", "onnx",
    "torchscript", "tf_legacy_loss", "output_attentions", "output_hidden_states",
    "output_router_logits", "return_dict", "keys_to_ignore_at_inference",
    // heads of other tasks
    "id2label", "label2id", "num_labels", "problem_type", "task_specific_params", "summary_type",
    "summary_use_proj", "summary_activation", "summary_proj_to_labels", "summary_first_dropout",
    "tie_encoder_decoder",
    // generation
    "max_length", "min_length", "max_new_tokens", "do_sample", "early_stopping", "num_beams",
    "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p", "typical_p",
    "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size",
    "bad_words_ids", "num_return_sequences", "output_scores", "return_dict_in_generate",
    "forced_bos_token_id", "forced_eos_token_id", "remove_invalid_values",
    "exponential_decay_length_penalty", "suppress_tokens", "begin_suppress_tokens",
    "chat_template"};

// Keys that change the computation, and the value with which they do not.
const std::pair<std::string_view, json> kNeutral[] = {{"is_causal", true},
                                                      {"use_bidirectional_attention", false},
                                                      {"bidirectional", false},
                                                      {"is_encoder_decoder", false},
                                                      {"add_cross_attention", false},
                                                      {"pruned_heads", json::object()},
                                                      {"rope_interleaved", false},
                                                      {"partial_rotary_factor", 1.0},
                                                      {"rotary_pct", 1.0},
                                                      {"alibi", false},
                                                      {"use_alibi", false},
                                                      {"use_mrope", false},
                                                      {"use_sliding_window", false},
                                                      {"use_parallel_residual", false},
                                                      {"parallel_attn", false},
                                                      {"logit_scale", 1.0},
                                                      {"logits_scaling", 1.0},
                                                      {"residual_multiplier", 1.0},
                                                      {"embedding_multiplier", 1.0},
                                                      {"scale_emb", 1.0},
                                                      {"use_qk_norm", false},
                                                      {"qk_layernorm", false},
                                                      {"num_local_experts", 1}};

template <typename List>
bool has(const List& list, std::string_view key) {
  return std::find(std::begin(list), std::end(list), key) != std::end(list);
}

// Returns whether "auto_map" names a model class in the folder's own code.
bool brings_model_code(const json& auto_map) {
  if (!auto_map.is_object()) return true;
  for (const auto& [name, place] : auto_map.items()) {
    if (name.starts_with("AutoModel")) return true;
  }
  return false;
}

bool is_neutral(const std::string& key, const json& value) {
  if (value.is_null() || key.starts_with('_') || has(kHarmless, key)) return true;
  if (key == "auto_map") return !brings_model_code(value);
  return std::any_of(std::begin(kNeutral), std::end(kNeutral), [&](const auto& neutral) {
    return neutral.first == key && neutral.second == value;
  });
}

}  // namespace

void refuse_other_keys(const model::JsonObject& json,
                       std::initializer_list<std::string_view> read) {
  for (const auto& [key, value] : json.value().items()) {
    if (has(read, key) || is_neutral(key, value)) continue;
    std::string shown = dump_json(value, -1, BadUtf8::kReplace, Letters::kAscii);
    if (shown.size() > kShownCharacters) shown = shown.substr(0, kShownCharacters) + "...";
    const std::string type = json.text("model_type");
    json.fail(key, key == "auto_map"
                       ? "the folder has its own code for the model, which is never run and may "
                         "compute something other than '" +
                             type + "'; if it does not, remove this key"
                       : "is " + shown +
                             ", which may change what the model computes, and is not "
                             "supported for '" +
                             type + "'; if it changes nothing, remove this key");
  }
}

}  // namespace incipit::families
