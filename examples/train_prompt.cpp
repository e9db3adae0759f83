// train_prompt MODEL ADAPTER: trains a soft prompt for ten steps on four sentences, and writes it
// as a PEFT adapter.
#include <incipit/comm/mesh.h>
#include <incipit/comm/single.h>
#include <incipit/core/error.h>
#include <incipit/core/forest.h>
#include <incipit/data/tokenizer/tokenizer.h>
#include <incipit/families/registry.h>
#include <incipit/methods/prompted_model.h>
#include <incipit/methods/registry.h>
#include <incipit/model/backbone.h>
#include <incipit/trainer/objective.h>
#include <incipit/trainer/optimizer.h>
#include <incipit/trainer/step.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr int kSteps = 10;
const std::vector<std::pair<std::string, std::string>> kExamples{
    {"I liked every minute of it. It was", " good"},
    {"Nobody should have to see this. It was", " bad"},
    {"What a lovely evening. It was", " good"},
    {"I left before the end. It was", " bad"}};

// The prompt, the text, and the answer to predict.
std::vector<incipit::Sequence> batch(const incipit::data::Tokenizer& tokenizer,
                                     const incipit::PromptRows& prompt) {
  std::vector<incipit::Sequence> sequences;
  for (const auto& [text, answer] : kExamples) {
    incipit::Sequence& sequence = sequences.emplace_back();
    sequence.append_prompt(prompt);
    sequence.append_tokens(tokenizer.encode(text));
    for (const incipit::TokenId id : tokenizer.encode(answer)) {
      const auto last = static_cast<std::int64_t>(sequence.inputs.size()) - 1;
      sequence.predictions.push_back({.index = last, .id = id});
      sequence.append_tokens({&id, 1});
    }
    sequence.inputs.pop_back();  // nothing is predicted after the last token
  }
  return sequences;
}

void train(const std::string& path, const std::string& adapter) {
  namespace methods = incipit::methods;
  namespace trainer = incipit::trainer;
  const auto folder = incipit::model::resolve_model_dir(path);
  const auto tokenizer = incipit::data::Tokenizer::load(folder);
  const incipit::model::WeightFiles files(folder);
  const auto backbone =
      incipit::model::Backbone::load(incipit::families::read_model(folder), files, {});

  methods::MethodOptions options;
  options.kind = "prompt_tuning";
  options.num_virtual_tokens = 8;
  options.init.kind = methods::InitKind::kSampledVocab;
  methods::StartInputs inputs;
  inputs.spec = backbone.spec();
  inputs.embed = [&](auto ids) { return backbone.embed(ids); };
  inputs.seed = 17;
  const auto prompt = methods::make_trainable(options, inputs, "sentiment");

  methods::PromptedModel model(backbone, {prompt});
  const auto optimizer = trainer::make_optimizer({}, {prompt->parameters()});
  const incipit::PackedForest packed = incipit::pack(batch(tokenizer, model.rows(0)));
  const auto objective = trainer::target_token_objective(packed.forest, backbone.device());
  for (int step = 1; step <= kSteps; ++step) {
    model.start_gradients();
    const auto sums =
        trainer::forward_backward(model, packed.forest, *objective, {.max_rows = 4096});
    model.collect_gradients();
    model.finish_gradients(sums.count);
    optimizer->step(0.05);
    std::printf("step %d  loss %.4f\n", step, sums.loss.item<double>() / sums.count);
  }
  const incipit::comm::Mesh one_rank(incipit::comm::make_single(), {});
  prompt->save(adapter, methods::current_parameters(*prompt),
               {.name = path,
                .weights_fingerprint = files.fingerprint(),
                .hidden_size = backbone.spec().hidden_size,
                .layers = backbone.spec().layer_count(),
                .attention_heads = backbone.spec().layers[0].attention.heads},
               one_rank);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: train_prompt MODEL ADAPTER\n");
    return 2;
  }
  try {
    train(argv[1], argv[2]);
    return 0;
  } catch (const incipit::Error& error) {
    std::fprintf(stderr, "train_prompt: %s\n", error.what());
    return static_cast<int>(error.exit_code());
  }
}
