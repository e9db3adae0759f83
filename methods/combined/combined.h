// A prompt and LoRA, trained together: the prompt precedes the input, and the additions change what
// the model computes of both.
//
// PEFT has no adapter of this kind, so the folder has two: `prompt` and `lora`. PEFT loads either;
// for both, merge `lora` into the model first (PEFT's merge_and_unload, or incipit merge).
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "methods/adapter.h"
#include "methods/method.h"

namespace incipit::combined {

class Combined final : public methods::Adapter {
 public:
  Combined(std::shared_ptr<methods::Adapter> prompt, std::shared_ptr<methods::Adapter> lora);

  void attach(const model::Backbone& backbone) override;
  [[nodiscard]] PromptRows rows(int number) const override;
  void contribute(const model::Backbone& backbone, bool for_backward,
                  methods::Contribution& to) override;
  void take_gradients(const methods::Contribution& from, const model::Backbone& backbone) override;
  void sum_gradients(const comm::Mesh& mesh, std::vector<nn::PartialGradient>& flat) override;
  void finish_gradients(const at::Tensor& count) override;
  void save(const std::filesystem::path& folder, std::span<const at::Tensor> parameters,
            const methods::BackboneInfo& backbone, const comm::Mesh& mesh) const override;

  [[nodiscard]] std::vector<at::Tensor> stored() const override;
  void check(const model::ModelSpec& spec, const std::filesystem::path& path) const override;
  [[nodiscard]] methods::PromptDescription describe() const override;
  [[nodiscard]] std::map<std::string, at::Tensor> weight_changes() const override;

 private:
  [[nodiscard]] std::vector<methods::Parameter> all_parameters() const;

  std::shared_ptr<methods::Adapter> prompt_;
  std::shared_ptr<methods::Adapter> lora_;
};

// Whether a folder has the two adapters, and their loading with `load`. Throws DataError as it
// does.
[[nodiscard]] bool is_combined(const std::filesystem::path& folder);
using LoadAdapter = methods::LoadedPrompt (*)(const std::filesystem::path& folder);
[[nodiscard]] methods::LoadedPrompt load(const std::filesystem::path& folder, LoadAdapter load);

// Returns the method that trains both, for the registry (methods/registry.cpp). Its kind is the two
// kinds joined by a plus sign.
[[nodiscard]] methods::Method with_lora(const methods::Method& prompt, const methods::Method& lora);

}  // namespace incipit::combined
