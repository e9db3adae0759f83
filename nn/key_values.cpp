#include "nn/key_values.h"

#include "nn/ledger.h"
#include "nn/ops.h"

namespace incipit::nn {

void KeyValueStore::enable_gradients() {
  const LedgerScope scope(MemoryKind::kActivations);
  const auto cleared = [](const at::Tensor& like) {
    return ops::zeros({like.size(0), like.size(1)},
                      like.options().dtype(ops::accumulate_type(like.scalar_type())));
  };
  for (Layer& layer : layers) {
    layer.grad_keys = cleared(layer.keys);
    layer.grad_values = cleared(layer.values);
  }
}

}  // namespace incipit::nn
