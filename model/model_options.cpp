#include "model/model_options.h"

#include "core/schema.h"

namespace incipit::model {
namespace {

const Schema::Names<Dtype> kDtypes{{"auto", Dtype::kAuto},
                                   {"float32", Dtype::kFloat32},
                                   {"bfloat16", Dtype::kBFloat16},
                                   {"float16", Dtype::kFloat16}};

}  // namespace

void declare(Schema& schema, ModelOptions& o) {
  schema.field("path", o.path, "model folder in Hugging Face layout").required = true;
  schema.choice("dtype", o.dtype, kDtypes,
                "type of the weights and activations in memory; auto: the fastest here (incipit "
                "doctor says which); float16 is for everything but training");
  schema.choice("device", o.device,
                {{"auto", Device::kAuto}, {"cpu", Device::kCpu}, {"cuda", Device::kCuda}},
                "where the model computes; cuda: each rank on the GPU of its local rank; auto: "
                "cuda where there is a GPU");
  schema.choice("cuda_graphs", o.cuda_graphs,
                {{"auto", CudaGraphs::kAuto}, {"on", CudaGraphs::kOn}, {"off", CudaGraphs::kOff}},
                "repeat passes of equal sizes on a GPU by one launch; auto: those of at most 2048 "
                "rows, where the rank has the whole model and run.deterministic is false; on: all "
                "sizes, and an error where that is impossible");
  schema.choice("check_weights", o.check_weights,
                {{"sample", CheckWeights::kSample}, {"whole", CheckWeights::kWhole}},
                "the bytes of the weights that ranks compare before work starts: up to 32 KiB of "
                "every tensor, or all (about a second per GB)");
}

const char* dtype_name(Dtype dtype) {
  for (const auto& [name, each] : kDtypes) {
    if (each == dtype) return name.c_str();
  }
  return "";
}

int number_bytes(Dtype dtype) { return dtype == Dtype::kFloat32 ? 4 : 2; }

}  // namespace incipit::model
