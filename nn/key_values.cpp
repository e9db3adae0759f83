#include "nn/key_values.h"

#include "nn/ledger.h"
#include "nn/ops.h"

namespace incipit::nn {

void KeyValueStore::enable_gradients() {
  const LedgerScope scope(MemoryKind::kActivations);
  const auto clear = [](at::Tensor& gradient, const at::Tensor& like) {
    if (gradient.defined()) return ops::clear_(gradient);
    gradient = ops::zeros({like.size(0), like.size(1)},
                          like.options().dtype(ops::accumulate_type(like.scalar_type())));
  };
  for (Layer& layer : layers) {
    clear(layer.grad_keys, layer.keys);
    clear(layer.grad_values, layer.values);
  }
}

}  // namespace incipit::nn
