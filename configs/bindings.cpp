#include "configs/bindings.h"

namespace incipit::configs {
namespace {

// Binds a key whose value is one word of a fixed list, stored as text.
void word(Block& block, const std::string& key, std::string& target,
          const std::vector<std::string>& words, const std::string& meaning) {
  Names<std::string> names;
  for (const std::string& each : words) names.emplace_back(each, each);
  block.choice(key, target, std::move(names), meaning);
}

}  // namespace

void bind_run(RunOptions& o, Block& block) {
  block.field("name", o.name, "names the run in logs and metrics; default: the file's name");
  block.field("output_dir", o.output_dir, "the run directory; default: runs/NAME");
  block.field("seed", o.seed, "of everything drawn at random");
  block.field("deterministic", o.deterministic, "same bytes again on a GPU, slower");
}

void bind_model(ModelOptions& o, Block& block) {
  block.field("path", o.path, "model folder in Hugging Face layout").required = true;
  block.choice("dtype", o.dtype,
               {{"auto", Dtype::kAuto},
                {"float32", Dtype::kFloat32},
                {"bfloat16", Dtype::kBFloat16},
                {"float16", Dtype::kFloat16}},
               "type of the weights and activations in memory; auto: the fastest here (incipit "
               "doctor says which); float16 is for everything but training");
  block.choice("device", o.device,
               {{"auto", Device::kAuto}, {"cpu", Device::kCpu}, {"cuda", Device::kCuda}},
               "where the model computes; cuda: each rank on the GPU of its local rank; auto: cuda "
               "where there is a GPU");
}

void bind_parallel(comm::MeshOptions& o, Block& block) {
  block.integer_or("data", o.data, {{"auto", 0}}, "copies of the model; auto: as ranks allow",
                   {.min = 1});
  block.field("tensor", o.tensor, "ranks that split every layer", {.min = 1});
  block.field("pipeline", o.pipeline, "ranks that split the sequence of layers", {.min = 1});
  block.integer_or("fsdp", o.fsdp, {{"false", 1}, {"true", 0}},
                   "ranks that hold one copy of the model between them and gather each layer for "
                   "use; true: all that data leaves",
                   {.min = 1});
  word(block, "backend", o.backend, {"auto", "single", "mpi", "nccl"},
       "how ranks talk; auto: mpi under mpirun, else single");
  block.field("timeout_seconds", o.timeout_seconds, "of one operation among ranks",
              {.min = 0, .max = 86400, .open_min = true});
}

void bind_method(prompt_tuning::PromptOptions& o, Block& block) {
  using prompt_tuning::InitKind;
  using prompt_tuning::MethodKind;
  block.choice("kind", o.kind,
               {{"none", MethodKind::kNone},
                {"prompt_tuning", MethodKind::kPromptTuning},
                {"prefix_tuning", MethodKind::kPrefixTuning}},
               "none: the model as it is; prompt_tuning: learned input vectors; prefix_tuning: "
               "learned keys and values in every layer");
  block.field("num_virtual_tokens", o.num_virtual_tokens, "rows of the prompt", {.min = 1});
  block.field("prefix_projection", o.prefix_projection,
              "prefix_tuning: learn it through an MLP, which is dropped from the adapter");
  block.field("encoder_hidden_size", o.encoder_hidden_size,
              "of that MLP's hidden layer; 0: the width of a layer's keys", {.min = 0});
  Block& init = block.block("init", "how the prompt starts");
  init.choice("kind", o.init.kind,
              {{"auto", InitKind::kAuto},
               {"random_uniform", InitKind::kRandomUniform},
               {"normal", InitKind::kNormal},
               {"sampled_vocab", InitKind::kSampledVocab},
               {"text", InitKind::kText},
               {"class_labels", InitKind::kClassLabels},
               {"file", InitKind::kFile}},
              "class_labels: embeddings of the labels, the rest sampled_vocab; auto: that, for "
              "prefix_tuning normal");
  init.loose_text(
      "scale", o.init.scale, "auto, lester, t5x or number > 0",
      "of random_uniform; auto: root mean square of the embeddings; prefix_tuning: also of "
      "normal, auto: 0.1");
  init.field("sample_from", o.init.sample_from,
             "sampled_vocab and class_labels draw from this many most common tokens; 0: all",
             {.min = 0});
  init.field("text", o.init.text, "of text: its tokens' embeddings, repeated or cut");
  init.field("path", o.init.path, "of file: an adapter folder or a .npy");
}

void bind_eval(eval::EvalOptions& o, Block& block) {
  using eval::Score;
  block.field("batch_tokens", o.batch_tokens, "rows computed at once on a rank", {.min = 1});
  block.choice("score", o.score,
               {{"auto", std::nullopt},
                {"sum", Score::kSum},
                {"token_mean", Score::kTokenMean},
                {"byte_mean", Score::kByteMean},
                {"pmi", Score::kPmi}},
               "what a candidate's log-likelihood counts, for all tasks; auto: as task.score says");
}

void bind_metrics(telemetry::EndpointOptions& o, Block& block) {
  block.field("listen", o.listen,
              "HOST:PORT of the Prometheus endpoint (port + local rank); empty: off");
  block.choice("port_taken", o.port_taken,
               {{"free", telemetry::PortTaken::kFree}, {"error", telemetry::PortTaken::kError}},
               "when the port is taken: use a free one, or end the run");
  block.field("peak_flops", o.peak_flops,
              "operations a second a rank can do, for its utilization; 0: measured at the start",
              {.min = 0});
}

void bind_log(LogOptions& o, Block& block) {
  word(block, "level", o.level, {"debug", "info", "warn", "error"},
       "least severe messages shown; ranks other than 0 show warnings and errors only");
}

}  // namespace incipit::configs
