// Members of JSON objects in run directories, which may be damaged.
#pragma once

#include <nlohmann/json.hpp>
#include <type_traits>

namespace incipit {

// Returns the member `key`, or `fallback` if it is missing or neither a number nor a text as
// `fallback` is. (Json::value() throws an exception without a file name if the type differs.)
template <class Json, class Value>
[[nodiscard]] Value member_or(const Json& object, const char* key, Value fallback) {
  const auto found = object.find(key);
  if (found == object.end()) return fallback;
  const bool fits = std::is_arithmetic_v<Value> ? found->is_number() : found->is_string();
  return fits ? found->template get<Value>() : fallback;
}

}  // namespace incipit
