// The shape of Llama 3 8B, for tests of plans and budgets that load no weights.
#pragma once

#include "families/llama/config.h"

namespace incipit::testing {

// 14.96 GiB in bfloat16.
inline llama::Config llama3_8b() {
  llama::Config c;
  c.model_type = "llama";
  c.hidden_size = 4096;
  c.layers = 32;
  c.heads = 32;
  c.kv_heads = 8;
  c.head_dim = 128;
  c.intermediate_size = 14336;
  c.vocab_size = 128256;
  c.max_positions = 8192;
  return c;
}

}  // namespace incipit::testing
