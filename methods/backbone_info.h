// The backbone that an adapter was made for, and the head that was trained with the adapter.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "methods/head.h"

namespace incipit::methods {

struct BackboneInfo {
  std::string name;                 // model path or hub name, as the user gave it
  std::string weights_fingerprint;  // WeightFiles::fingerprint; "" when unknown
  std::int64_t hidden_size = 0;
  std::int64_t layers = 0;            // 0 when unknown
  std::int64_t attention_heads = 0;   // 0 when unknown
  std::filesystem::path folder{};     // of the model at hand; empty when it has none
  std::optional<TrainedHead> head{};  // in place of its own
};

// Warns when an adapter was made for other weights than the model at hand. `path` is used in the
// message.
void warn_of_other_weights(const BackboneInfo& made_for, const BackboneInfo& at_hand,
                           const std::filesystem::path& path);

}  // namespace incipit::methods
