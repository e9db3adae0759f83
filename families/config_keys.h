// Keys of config.json that families have in common. Everything throws DataError with file and key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/json_file.h"

namespace incipit::families {

// Large enough for every model, small enough that the product of two values fits in 64 bits.
inline constexpr std::int64_t kMostOfAnything = 1 << 30;

// Many times the layers of the deepest models. Each layer takes memory before weights are read.
inline constexpr std::int64_t kMostLayers = 1 << 14;

// Throws for a feature that the engine lacks, as opposed to a broken file.
[[noreturn]] void lacks(const model::JsonObject& json, const std::string& key,
                        const std::string& what);

// Returns a number, which must be above 0.
[[nodiscard]] double positive(const model::JsonObject& json, const std::string& key);

// Returns by layer whether "layer_types" says that it has a sliding window. Throws for other kinds
// of layers. The key must be present.
[[nodiscard]] std::vector<bool> sliding_layers(const model::JsonObject& json, std::int64_t layers);

void refuse_quantized(const model::JsonObject& json);

void read_special_tokens(const model::JsonObject& json, std::optional<std::int32_t>& bos,
                         std::vector<std::int32_t>& eos);

// Returns the dtype of the stored weights, or "" if the file does not say.
[[nodiscard]] std::string stored_dtype(const model::JsonObject& json);

}  // namespace incipit::families
