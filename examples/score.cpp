// score MODEL SOURCE CONTINUATION...: prints the log-likelihood of each continuation of a text.
//
// The text is computed once, since all continuations share it.
#include <incipit/core/error.h>
#include <incipit/core/forest.h>
#include <incipit/data/tokenizer/tokenizer.h>
#include <incipit/families/registry.h>
#include <incipit/methods/prompted_model.h>
#include <incipit/model/backbone.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

// The continuation after the source. Every token of it is predicted from those before.
incipit::Sequence sequence(const std::vector<incipit::TokenId>& source,
                           const std::vector<incipit::TokenId>& continuation) {
  incipit::Sequence sequence;
  sequence.append_tokens(source);
  for (std::size_t i = 0; i < continuation.size(); ++i) {
    const auto last = static_cast<std::int64_t>(sequence.inputs.size()) - 1;
    sequence.predictions.push_back({.index = last, .id = continuation[i]});
    if (i + 1 < continuation.size()) sequence.append_tokens({&continuation[i], 1});
  }
  return sequence;
}

void score(const std::string& path, const std::string& source,
           const std::vector<std::string>& continuations) {
  const auto folder = incipit::model::resolve_model_dir(path);
  const auto tokenizer = incipit::data::Tokenizer::load(folder);
  const auto backbone = incipit::model::Backbone::load(incipit::families::read_model(folder),
                                                       incipit::model::WeightFiles(folder), {});
  std::vector<incipit::Sequence> sequences;
  for (const std::string& each : continuations) {
    sequences.push_back(sequence(tokenizer.encode(source), tokenizer.encode(each)));
  }
  const incipit::PackedForest packed = incipit::pack(sequences);
  const incipit::methods::PromptedModel model(backbone);  // without a prompt
  const auto pass = model.forward(packed.forest);
  const at::Tensor log_likelihoods = pass.log_likelihoods().to(at::kCPU, at::kFloat);
  const float* of_target = log_likelihoods.const_data_ptr<float>();
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    double sum = 0;
    for (const std::int32_t target : packed.targets[i]) sum += of_target[target];
    std::printf("%.5f\t%s\n", sum, continuations[i].c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: score MODEL SOURCE CONTINUATION...\n");
    return 2;
  }
  try {
    score(argv[1], argv[2], {argv + 3, argv + argc});
    return 0;
  } catch (const incipit::Error& error) {
    std::fprintf(stderr, "score: %s\n", error.what());
    return static_cast<int>(error.exit_code());
  }
}
