#include "core/json.h"

#include <nlohmann/json.hpp>

namespace incipit {

template <class Json>
Json parse_json(std::string_view text) {
  return Json::parse(text);
}

template <class Json>
Json parse_json_or_discard(std::string_view text) {
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

template <class Json>
std::string dump_json(const Json& json, int indent, BadUtf8 bad, Letters letters) {
  using Handler = typename Json::error_handler_t;
  return json.dump(indent, ' ', letters == Letters::kAscii,
                   bad == BadUtf8::kReplace ? Handler::replace : Handler::strict);
}

template nlohmann::json parse_json(std::string_view text);
template nlohmann::ordered_json parse_json(std::string_view text);
template nlohmann::json parse_json_or_discard(std::string_view text);
template nlohmann::ordered_json parse_json_or_discard(std::string_view text);
template std::string dump_json(const nlohmann::json& json, int indent, BadUtf8 bad,
                               Letters letters);
template std::string dump_json(const nlohmann::ordered_json& json, int indent, BadUtf8 bad,
                               Letters letters);

}  // namespace incipit
