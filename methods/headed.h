// A prompt together with a head: what is trained if the task has one.
#pragma once

#include <memory>

#include "methods/adapter.h"
#include "methods/head.h"

namespace incipit::methods {

// Every rank has all parameters: those of the prompt, then head.weight and, if there is one,
// head.bias.
class Headed final : public Trainable {
 public:
  Headed(std::shared_ptr<Adapter> prompt, TrainedHead head);

  void attach(const model::Backbone& backbone) override;
  [[nodiscard]] PromptRows rows(int number) const override { return prompt_->rows(number); }
  void contribute(const model::Backbone& backbone, bool for_backward, Contribution& to) override;
  void take_gradients(const Contribution& from, const model::Backbone& backbone) override;
  void sum_gradients(const comm::Mesh& mesh, std::vector<nn::PartialGradient>& flat) override;
  void finish_gradients(const at::Tensor& count) override;
  // Throws NumericsError, on every rank, if a value is not finite.
  void save(const std::filesystem::path& folder, std::span<const at::Tensor> parameters,
            const BackboneInfo& backbone, const comm::Mesh& mesh) const override;

  [[nodiscard]] const Adapter& prompt() const { return *prompt_; }

 private:
  [[nodiscard]] std::size_t first() const { return prompt_->parameters().size(); }  // of the head

  std::shared_ptr<Adapter> prompt_;
  TrainedHead head_;
};

}  // namespace incipit::methods
