// Makes a backbone's layers from a model's spec. Not for use in other folders.
#pragma once

#include "model/backbone.h"

namespace incipit::model {

class BackboneBuilder {
 public:
  BackboneBuilder(Backbone& backbone, const nn::WeightSource& source)
      : backbone_(backbone), source_(source) {}

  void build();

 private:
  // The rows `ids` of the table `name`, which has `rows` rows.
  [[nodiscard]] nn::VocabularyTable table(const std::string& name, std::int64_t rows,
                                          const Range& ids);
  [[nodiscard]] nn::Block block(const LayerSpec& layer, const LayerShare& share);
  [[nodiscard]] nn::SelfAttention attention(const AttentionSpec& spec, const LayerShare& share,
                                            int group);
  [[nodiscard]] nn::CrossAttention cross(const LayerSpec& layer, const LayerShare& share,
                                         int group);
  [[nodiscard]] nn::Mlp mlp(const MlpSpec& spec, const LayerShare& share, int group);
  // `shared`: nn::Slice::shared.
  [[nodiscard]] nn::Norm norm(const NormSpec& spec, std::int64_t width, int group,
                              bool shared = false);

  // Outputs `rows` of a map with `out` outputs.
  struct Part {
    const LinearSpec& spec;
    std::int64_t out;
    Range rows;
    bool shared = false;  // nn::Slice::shared
  };
  // Concatenates the outputs of maps of the same `in` inputs, so that one matmul computes them.
  [[nodiscard]] nn::Linear outputs_split(const std::vector<Part>& parts, std::int64_t in,
                                         int group);
  // The inputs `columns` of a map from `in` inputs to the hidden size.
  [[nodiscard]] nn::Linear inputs_split(const LinearSpec& spec, std::int64_t in,
                                        const Range& columns, int group);
  [[nodiscard]] const nn::Parameter* bias(const std::vector<Part>& parts, int group);
  const nn::Parameter& vector(const std::string& name, std::int64_t width, bool shared, int group);

  Backbone& backbone_;
  const nn::WeightSource& source_;
};

}  // namespace incipit::model
