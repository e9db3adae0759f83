#include "methods/prompt_tuning/adapter_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "methods/prompt_tuning/prompt_tuning.h"
#include "methods/registry.h"
#include "model/safetensors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensors.h"

namespace incipit::prompt_tuning {
namespace {

using ::incipit::testing::floats;
using ::incipit::testing::numbers;
using ::incipit::testing::TemporaryFolder;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

const BackboneInfo kBackbone = {"models/small", std::string(64, 'a'), 3, 4, 2};

SoftPrompt small_prompt() { return {"rte", floats({2, 3}, {1, 2, 3, 4, 5, 6})}; }

// An adapter that was saved and then changed.
class PeftAdapter : public ::testing::Test {
 protected:
  void SetUp() override { save_peft_adapter(folder_.path(), small_prompt(), kBackbone); }
  void change_config(const json& changes) {
    json config = json::parse(read_text(folder_ / "adapter_config.json"));
    config.update(changes);
    folder_.write("adapter_config.json", config.dump());
  }
  void write_tensor(const std::string& name, const at::Tensor& tensor) {
    model::write_safetensors(folder_ / "adapter_model.safetensors", {{name, tensor}});
  }
  std::vector<float> loaded() { return numbers(load_peft_adapter(folder_.path()).prompt.values); }
  void expect_refused(const std::string& where, const std::string& reason) {
    EXPECT_THAT([&] { (void)load_peft_adapter(folder_.path()); },
                ThrowsMessage<DataError>(AllOf(HasSubstr(where), HasSubstr(reason))));
  }
  TemporaryFolder folder_;
};

TEST_F(PeftAdapter, ComesBackWithItsBackbone) {
  const LoadedPrompt loaded = load_any(folder_.path());
  EXPECT_EQ(loaded.prompt.name, "rte");
  EXPECT_THAT(loaded.prompt.values.sizes(), ElementsAre(2, 3));
  EXPECT_THAT(numbers(loaded.prompt.values), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(loaded.backbone.name, kBackbone.name);
  EXPECT_EQ(loaded.backbone.weights_fingerprint, kBackbone.weights_fingerprint);
  EXPECT_EQ(loaded.backbone.hidden_size, 3);
  EXPECT_EQ(loaded.backbone.layers, 4);
  EXPECT_EQ(loaded.backbone.attention_heads, 2);
}

TEST_F(PeftAdapter, LoadedValuesCanBeTrained) {
  LoadedPrompt loaded = load_peft_adapter(folder_.path());
  loaded.prompt.values.mutable_data_ptr<float>()[0] = 9;  // a mapped file would end the process
  EXPECT_THAT(this->loaded(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(PeftAdapter, EqualPromptsGiveEqualBytes) {
  const TemporaryFolder other;
  save_peft_adapter(other / "deep", small_prompt(), kBackbone);
  for (const char* name : {"adapter_config.json", "adapter_model.safetensors"}) {
    EXPECT_EQ(read_text(folder_ / name), read_text(other / "deep" / name)) << name;
  }
}

TEST_F(PeftAdapter, ConfigurationHasPeftsKeysInPeftsOrder) {
  EXPECT_EQ(read_text(folder_ / "adapter_config.json"), R"({
  "auto_mapping": null,
  "base_model_name_or_path": "models/small",
  "inference_mode": true,
  "modules_to_save": null,
  "num_attention_heads": 2,
  "num_layers": 4,
  "num_transformer_submodules": 1,
  "num_virtual_tokens": 2,
  "peft_type": "PROMPT_TUNING",
  "peft_version": "0.21.2",
  "prompt_tuning_init": "RANDOM",
  "prompt_tuning_init_text": null,
  "revision": null,
  "task_type": "CAUSAL_LM",
  "token_dim": 3,
  "tokenizer_kwargs": null,
  "tokenizer_name_or_path": null
})");
}

TEST_F(PeftAdapter, TheWidthIsThatOfTheTensorIfTheConfigurationLacksIt) {
  change_config({{"token_dim", nullptr},
                 {"num_layers", nullptr},
                 {"num_attention_heads", nullptr},
                 {"num_transformer_submodules", nullptr}});
  EXPECT_THAT(loaded(), ElementsAre(1, 2, 3, 4, 5, 6));
  write_tensor("prompt_embeddings", floats({0}, {}));
  expect_refused("adapter_model.safetensors", "has shape [0]");
}

TEST_F(PeftAdapter, APromptWithoutANameTakesItsFolders) {
  write_tensor("prompt_embeddings", floats({2, 3}, {1, 2, 3, 4, 5, 6}));  // as PEFT writes it
  const LoadedPrompt loaded = load_peft_adapter(folder_.path());
  EXPECT_EQ(loaded.prompt.name, folder_.path().filename());
  EXPECT_EQ(loaded.backbone.weights_fingerprint, "");
}

TEST_F(PeftAdapter, AnEarlierVersionsHashOfTheBackboneInMemoryIsNoFingerprint) {
  model::write_safetensors(folder_ / "adapter_model.safetensors",
                           {{"prompt_embeddings", floats({2, 3}, {1, 2, 3, 4, 5, 6})}},
                           {{"incipit_backbone_sha256", std::string(64, 'a')}});
  EXPECT_EQ(load_peft_adapter(folder_.path()).backbone.weights_fingerprint, "");
}

TEST_F(PeftAdapter, OtherFloatingPointTypesBecomeFloat32) {
  write_tensor("prompt_embeddings", floats({2, 3}, {1, 2, 3, 4, 5, 6}).to(at::kBFloat16));
  EXPECT_THAT(loaded(), ElementsAre(1, 2, 3, 4, 5, 6));
  write_tensor("prompt_embeddings", floats({2, 3}, {1, 2, 3, 4, 5, 6}).to(at::kLong));
  expect_refused("prompt_embeddings", "not floating-point");
}

TEST_F(PeftAdapter, OfTwoSubmodulesTheFirstIsTaken) {
  change_config({{"num_virtual_tokens", 1}, {"num_transformer_submodules", 2}});
  EXPECT_THAT(loaded(), ElementsAre(1, 2, 3));
}

TEST_F(PeftAdapter, OtherMethodsAreRefusedByName) {
  change_config({{"peft_type", "PREFIX_TUNING"}});
  expect_refused("adapter_config.json: peft_type", "PREFIX_TUNING");
  change_config({{"peft_type", "LOHA"}});
  expect_refused("adapter_config.json: peft_type", "LOHA; expected PROMPT_TUNING");
  EXPECT_THAT([&] { (void)methods::load_prompt(folder_.path()); },
              ThrowsMessage<DataError>(HasSubstr("LOHA; supported: PROMPT_TUNING, PREFIX_TUNING")));
}

TEST_F(PeftAdapter, ShapesThatDisagreeAreRefused) {
  change_config({{"num_virtual_tokens", 3}});
  expect_refused("adapter_model.safetensors", "shape [2, 3], but adapter_config.json says [3, 3]");
  change_config({{"num_virtual_tokens", 2}, {"token_dim", 4}});
  expect_refused("adapter_model.safetensors", "says [2, 4]");
  change_config({{"num_virtual_tokens", nullptr}});
  expect_refused("num_virtual_tokens", "is missing");
}

TEST_F(PeftAdapter, AMissingTensorIsNamedBesideThoseThatAreThere) {
  write_tensor("base_model.lora_A", floats({1}, {1}));
  expect_refused("'prompt_embeddings' is missing", "base_model.lora_A");
}

TEST_F(PeftAdapter, FurtherTrainedModulesAreRefused) {
  change_config({{"modules_to_save", {"score"}}});
  expect_refused("modules_to_save", "not supported");
  change_config({{"task_type", "SEQ_CLS"}, {"modules_to_save", {"score", "embed_tokens"}}});
  expect_refused("modules_to_save", "\"embed_tokens\", which is no head of task_type SEQ_CLS");
  change_config({{"modules_to_save", {"classifier", "score"}}});
  expect_refused("has no tensor of the head", "SEQ_CLS");
}

TEST_F(PeftAdapter, NumbersThatAreNotFiniteAreNeitherSavedNorLoaded) {
  write_tensor("prompt_embeddings", floats({2, 3}, {1, 2, NAN, 4, 5, 6}));
  expect_refused("prompt_embeddings", "not finite");
  EXPECT_THROW(save_peft_adapter(folder_ / "new", {"p", floats({1, 2}, {1, INFINITY})}, kBackbone),
               NumericsError);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "new"));
}

TEST_F(PeftAdapter, PickledTensorsAreRefusedWithTheCommandThatConvertsThem) {
  std::filesystem::remove(folder_ / "adapter_model.safetensors");
  expect_refused("adapter_model.safetensors", "cannot open");
  folder_.write("adapter_model.bin", "not read");
  expect_refused("adapter_model.bin", "save_file");
}

TEST_F(PeftAdapter, AFolderAboveAdaptersPointsAtThem) {
  const TemporaryFolder above;
  EXPECT_THAT([&] { (void)load_any(above.path()); },
              ThrowsMessage<DataError>(
                  AllOf(HasSubstr("adapter_config.json: is missing"), Not(HasSubstr("did you")))));
  save_peft_adapter(above / "boolq", small_prompt(), kBackbone);
  EXPECT_THAT([&] { (void)load_any(above.path()); },
              ThrowsMessage<DataError>(HasSubstr("did you mean " + (above / "boolq").string())));
}

// What warn_of_other_weights logs.
std::string logged(const BackboneInfo& made_for, const BackboneInfo& backbone) {
  std::ostringstream text;
  const log::Redirection redirection = log::Redirection::to(text);
  methods::warn_of_other_weights(made_for, backbone, "adapters/rte");
  return text.str();
}

TEST(CheckBackbone, OtherWeightsAreWarnedOf) {
  BackboneInfo other = kBackbone;
  EXPECT_EQ(logged(kBackbone, other), "");
  other.weights_fingerprint = "";
  EXPECT_EQ(logged(kBackbone, other), "");
  other.weights_fingerprint = std::string(64, 'b');
  EXPECT_THAT(logged(kBackbone, other),
              AllOf(HasSubstr("adapters/rte"), HasSubstr("other weights"),
                    HasSubstr("aaaaaaaaaaaa"), HasSubstr("bbbbbbbbbbbb")));
}

TEST(CheckBackbone, AnotherWidthIsRefused) {
  model::ModelSpec spec;
  spec.hidden_size = 4;
  EXPECT_THAT([&] { PromptTuning(small_prompt()).check(spec, "adapter"); },
              ThrowsMessage<DataError>(AllOf(HasSubstr("adapter"), HasSubstr("have 3 numbers"),
                                             HasSubstr("hidden size is 4"))));
}

}  // namespace
}  // namespace incipit::prompt_tuning
