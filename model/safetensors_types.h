// The names of element types in safetensors headers.
#pragma once

#include <c10/core/ScalarType.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace incipit::model {

inline constexpr std::array<std::pair<std::string_view, c10::ScalarType>, 10> kSafetensorsTypes{{
    {"F64", c10::ScalarType::Double},
    {"F32", c10::ScalarType::Float},
    {"F16", c10::ScalarType::Half},
    {"BF16", c10::ScalarType::BFloat16},
    {"I64", c10::ScalarType::Long},
    {"I32", c10::ScalarType::Int},
    {"I16", c10::ScalarType::Short},
    {"I8", c10::ScalarType::Char},
    {"U8", c10::ScalarType::Byte},
    {"BOOL", c10::ScalarType::Bool},
}};

[[nodiscard]] inline std::optional<c10::ScalarType> safetensors_dtype(std::string_view name) {
  for (const auto& [text, type] : kSafetensorsTypes) {
    if (text == name) return type;
  }
  return std::nullopt;
}

// Returns the type's name, or "" if the format or this table has none.
[[nodiscard]] inline std::string safetensors_dtype_name(c10::ScalarType dtype) {
  for (const auto& [text, type] : kSafetensorsTypes) {
    if (type == dtype) return std::string(text);
  }
  return "";
}

// Returns "F64, F32, ...".
[[nodiscard]] inline std::string safetensors_dtype_names() {
  std::string names;
  for (const auto& [text, type] : kSafetensorsTypes) {
    names += (names.empty() ? "" : ", ") + std::string(text);
  }
  return names;
}

}  // namespace incipit::model
