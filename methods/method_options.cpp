#include "methods/method_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "core/check.h"
#include "core/error.h"
#include "core/schema.h"
#include "core/text.h"

namespace incipit::methods {
namespace {

constexpr std::int64_t kMostVirtualTokens = 1 << 20;

// Returns `scale` as a number if it is a number above 0.
std::optional<double> positive_number(const std::string& scale) {
  double number = 0;
  const char* end = scale.data() + scale.size();
  const auto [stop, error] = std::from_chars(scale.data(), end, number);
  if (error != std::errc() || stop != end || !std::isfinite(number) || number <= 0) {
    return std::nullopt;
  }
  return number;
}

// Checks a setting that one kind of initializer needs and the others do not use.
void check_used(std::vector<OptionProblem>& problems, const std::string& key,
                const std::string& value, const std::string& kind, bool used) {
  if (used && value.empty()) {
    problems.push_back({"init." + key, "is needed by init.kind: " + kind});
  } else if (!used && !value.empty()) {
    problems.push_back(
        {"init." + key, "is used by init.kind: " + kind + " only; set that kind or remove it"});
  }
}

void declare_all(Schema& schema, MethodOptions& o) {
  schema.field("num_virtual_tokens", o.num_virtual_tokens, "rows of the prompt", {.min = 1});
  schema.block("init", o.init, "how the prompt starts");
}

// Of the methods that learn a prompt through an encoder.
void declare_encoder_size(Schema& schema, MethodOptions& o) {
  schema.field("encoder_hidden_size", o.encoder_hidden_size,
               "hidden size of the MLP or LSTM; 0: for prefix_tuning the width of a layer's keys, "
               "for p_tuning the model's hidden size",
               {.min = 0});
}

void check_encoder_size(const MethodOptions& options, std::vector<OptionProblem>& problems) {
  if (options.encoder_hidden_size >= 0) return;
  problems.push_back({"encoder_hidden_size", "must be at least 0 (0: a width of the model), is " +
                                                 std::to_string(options.encoder_hidden_size)});
}

void declare_prefix_tuning(Schema& schema, MethodOptions& o) {
  schema.field("prefix_projection", o.prefix_projection,
               "prefix_tuning: learn it through an MLP, which is dropped from the adapter");
  declare_encoder_size(schema, o);
}

void check_prefix_tuning(const MethodOptions& options, std::vector<OptionProblem>& problems) {
  check_shared_options(options, problems);
  const InitKind kind = init_kind(options);
  if (kind == InitKind::kSampledVocab || kind == InitKind::kClassLabels) {
    problems.push_back(
        {"init.kind", options.kind + " takes auto, normal, random_uniform, text or file"});
  }
  if (options.prefix_projection && (kind == InitKind::kFile || kind == InitKind::kText)) {
    problems.push_back({"prefix_projection",
                        "adapters and texts have no projection to start from; set it to false, or "
                        "another init.kind"});
  }
  check_encoder_size(options, problems);
}

void declare_cartridge(Schema& schema, MethodOptions& o) {
  schema.field("num_frozen_tokens", o.num_frozen_tokens,
               "cartridge: this many first rows are not trained", {.min = 0});
}

void check_cartridge(const MethodOptions& options, std::vector<OptionProblem>& problems) {
  check_prefix_tuning(options, problems);
  if (options.prefix_projection) {
    problems.push_back({"prefix_projection", "a cartridge has none; expected false"});
  }
  const std::int64_t frozen = options.num_frozen_tokens;
  if (frozen >= 0 && frozen < options.num_virtual_tokens) return;
  problems.push_back({"num_frozen_tokens", "must be at least 0 and less than num_virtual_tokens, " +
                                               std::to_string(options.num_virtual_tokens) +
                                               ", is " + std::to_string(frozen)});
}

void declare_p_tuning(Schema& schema, MethodOptions& o) {
  schema.choice("encoder_reparameterization_type", o.encoder_reparameterization_type,
                {{"MLP", EncoderKind::kMlp}, {"LSTM", EncoderKind::kLstm}},
                "p_tuning: learn it through this encoder, which is dropped from the adapter");
  schema.field("encoder_num_layers", o.encoder_num_layers, "p_tuning: layers of the LSTM",
               {.min = 1});
}

void check_p_tuning(const MethodOptions& options, std::vector<OptionProblem>& problems) {
  check_shared_options(options, problems);
  if (init_kind(options) != InitKind::kNormal) {
    problems.push_back({"init.kind",
                        "p_tuning takes auto or normal: its prompt is computed by an encoder, "
                        "which texts, labels and adapters do not have"});
  }
  if (options.init.scale != MethodOptions().init.scale) {
    problems.push_back({"init.scale", "p_tuning starts as in PEFT, without a scale; remove it"});
  }
  check_encoder_size(options, problems);
  const std::int64_t layers = options.encoder_num_layers;
  if (layers < 1) {
    problems.push_back({"encoder_num_layers", "must be at least 1, is " + std::to_string(layers)});
  } else if (options.encoder_reparameterization_type == EncoderKind::kMlp &&
             layers != MethodOptions().encoder_num_layers) {
    problems.push_back({"encoder_num_layers",
                        "is used by encoder_reparameterization_type: LSTM only; set that type or "
                        "remove it"});
  }
}

void declare_multitask(Schema& schema, MethodOptions& o) {
  schema.field("num_ranks", o.num_ranks,
               "multitask_prompt_tuning: rank of the matrix by which a task multiplies the prompt",
               {.min = 1});
}

void check_multitask(const MethodOptions& options, std::vector<OptionProblem>& problems) {
  check_shared_options(options, problems);
  if (options.num_ranks < 1) {
    problems.push_back(
        {"num_ranks", "must be at least 1, is " + std::to_string(options.num_ranks)});
  }
}

void declare_lora(Schema& schema, MethodOptions& o) {
  LoraOptions& lora = o.lora;
  schema.field("r", lora.r, "lora: rank of an addition to a linear layer", {.min = 1});
  schema.field("alpha", lora.alpha, "lora: an addition is multiplied by alpha / r");
  schema.field("rslora", lora.rslora, "lora: by alpha / sqrt(r) instead");
  schema.field(
      "target_modules", lora.target_modules,
      "lora: the layers, by the last parts of their names, or all-linear; empty: the query "
      "and value projections");
}

void check_lora_size(const MethodOptions& options, std::vector<OptionProblem>& problems) {
  if (options.lora.r < 1) {
    problems.push_back({"r", "must be at least 1, is " + std::to_string(options.lora.r)});
  }
  if (!(options.lora.alpha > 0)) problems.push_back({"alpha", "must be above 0"});
}

void check_lora(const MethodOptions& options, std::vector<OptionProblem>& problems) {
  check_shared_options(options, problems);
  const InitKind kind = options.init.kind;
  if (kind != InitKind::kAuto && kind != InitKind::kRandomUniform && kind != InitKind::kFile) {
    problems.push_back({"init.kind", "lora takes auto, random_uniform or file"});
  }
  if (options.init.scale != MethodOptions().init.scale) {
    problems.push_back({"init.scale", "lora starts as in PEFT, without a scale; remove it"});
  }
  check_lora_size(options, problems);
}

void check_prompt_with_lora(const MethodOptions& options, std::vector<OptionProblem>& problems) {
  check_shared_options(options, problems);
  check_lora_size(options, problems);
}

void check_prefix_with_lora(const MethodOptions& options, std::vector<OptionProblem>& problems) {
  check_prefix_tuning(options, problems);
  check_lora_size(options, problems);
}

std::vector<MethodDeclaration>& declarations() {
  static std::vector<MethodDeclaration> all{
      {kNoMethod, "the model as it is", InitKind::kAuto, nullptr, nullptr},
      {"prompt_tuning", "learned input vectors (Lester et al. 2021)", InitKind::kClassLabels,
       nullptr, check_shared_options},
      {"prefix_tuning", "learned keys and values in every layer (Liu et al. 2021)",
       InitKind::kNormal, declare_prefix_tuning, check_prefix_tuning},
      {"cartridge", "a prefix that starts from a text's own keys and values (Eyuboglu et al. 2025)",
       InitKind::kText, declare_cartridge, check_cartridge},
      {"p_tuning",
       "input vectors learned through an encoder (Liu et al. 2021, GPT Understands, Too)",
       InitKind::kNormal, declare_p_tuning, check_p_tuning},
      {"multitask_prompt_tuning",
       "a prompt of all tasks, times a low-rank matrix of each (Wang et al. 2023)",
       InitKind::kNormal, declare_multitask, check_multitask, /*rows_by_task=*/true},
      {"lora", "low-rank additions to linear layers (Hu et al. 2021)", InitKind::kAuto,
       declare_lora, check_lora},
      {"prompt_tuning+lora", "both", InitKind::kClassLabels, nullptr, check_prompt_with_lora},
      {"prefix_tuning+lora", "both", InitKind::kNormal, nullptr, check_prefix_with_lora},
      {kLinearProbe, "nothing but a head on the model's last states, for a task with a head",
       InitKind::kAuto, nullptr, nullptr},
      {"model_tuning", "all weights of the model, the baseline", InitKind::kAuto, nullptr, nullptr},
  };
  return all;
}

const MethodDeclaration* find(const std::string& name) {
  for (const MethodDeclaration& declaration : declarations()) {
    if (declaration.name == name) return &declaration;
  }
  return nullptr;
}

const MethodDeclaration& declaration_of(const MethodOptions& options) {
  const MethodDeclaration* found = find(options.kind);
  INCIPIT_CHECK(found != nullptr, "there is no method ", options.kind);
  return *found;
}

}  // namespace

void add_declaration(MethodDeclaration declaration) {
  INCIPIT_CHECK(find(declaration.name) == nullptr, "method ", declaration.name,
                " is there already");
  declarations().push_back(std::move(declaration));
}

void check_shared_options(const MethodOptions& options, std::vector<OptionProblem>& problems) {
  if (options.num_virtual_tokens < 1 || options.num_virtual_tokens > kMostVirtualTokens) {
    problems.push_back({"num_virtual_tokens", "must be between 1 and " +
                                                  std::to_string(kMostVirtualTokens) + ", is " +
                                                  std::to_string(options.num_virtual_tokens)});
  }
  const InitOptions& init = options.init;
  try {
    (void)uniform_range(init.scale, 1.0);
  } catch (const ConfigError&) {
    problems.push_back(
        {"init.scale", "must be auto, lester, t5x or a number above 0, is '" + init.scale + "'"});
  }
  if (init.sample_from < 0) {
    problems.push_back({"init.sample_from", "must be at least 0 (0: the whole vocabulary), is " +
                                                std::to_string(init.sample_from)});
  }
  check_used(problems, "text", init.text, "text", init_kind(options) == InitKind::kText);
  check_used(problems, "path", init.path, "file", init.kind == InitKind::kFile);
}

void declare(Schema& schema, InitOptions& o) {
  schema.choice(
      "kind", o.kind,
      {{"auto", InitKind::kAuto},
       {"random_uniform", InitKind::kRandomUniform},
       {"normal", InitKind::kNormal},
       {"sampled_vocab", InitKind::kSampledVocab},
       {"text", InitKind::kText},
       {"class_labels", InitKind::kClassLabels},
       {"file", InitKind::kFile}},
      "class_labels: embeddings of the labels, the rest sampled_vocab; auto: that (without "
      "labels sampled_vocab), for prefix_tuning, p_tuning and multitask_prompt_tuning normal, for "
      "cartridge text");
  schema.loose_text("scale", o.scale, "auto, lester, t5x or number > 0",
                    "of random_uniform (not of lora); auto: root mean square of the embeddings; "
                    "prefix_tuning: also "
                    "of normal, auto: 0.1");
  schema.field("sample_from", o.sample_from,
               "sampled_vocab and class_labels draw from this many most common tokens; 0: all",
               {.min = 0});
  schema.field(
      "text", o.text,
      "of text: its tokens' embeddings, repeated or cut; of a prefix the keys and values of its "
      "first tokens");
  schema.field("path", o.path, "of file: an adapter folder or a .npy");
}

void declare(Schema& schema, MethodOptions& o) {
  Schema::Texts kinds;
  std::vector<std::string> meanings;
  for (const MethodDeclaration& method : declarations()) {
    kinds.push_back(method.name);
    meanings.push_back(method.name + ": " + method.meaning);
  }
  schema.word("kind", o.kind, kinds, join(meanings, "; "));
  declare_all(schema, o);
  for (const MethodDeclaration& method : declarations()) {
    if (method.declare != nullptr) method.declare(schema, o);
  }
}

std::vector<MethodName> method_names() {
  std::vector<MethodName> names;
  for (const MethodDeclaration& method : declarations()) {
    names.push_back({method.name, method.meaning});
  }
  return names;
}

InitKind init_kind(const MethodOptions& options) {
  return options.init.kind == InitKind::kAuto ? declaration_of(options).init : options.init.kind;
}

bool has_rows_by_task(const MethodOptions& options) { return declaration_of(options).rows_by_task; }

UniformRange uniform_range(const std::string& scale, double embedding_rms) {
  if (scale == "auto") return {-embedding_rms, embedding_rms};
  if (scale == "lester") return {-0.5, 0.5};
  if (scale == "t5x") return {0.0, 0.5};
  const std::optional<double> number = positive_number(scale);
  if (!number) {
    throw ConfigError("method.init.scale must be auto, lester, t5x or a number above 0, is '" +
                      scale + "'");
  }
  return {-*number, *number};
}

std::vector<OptionProblem> validate(const MethodOptions& options) {
  std::vector<OptionProblem> problems;
  const MethodDeclaration& method = declaration_of(options);
  if (method.check != nullptr) method.check(options, problems);
  return problems;
}

}  // namespace incipit::methods
