// The writer of core/json.h.
#include "core/json.h"

#include <nlohmann/json.hpp>

namespace incipit {

template <class Json>
std::string dump_json(const Json& json, int indent, BadUtf8 bad, Letters letters) {
  using Handler = typename Json::error_handler_t;
  return json.dump(indent, ' ', letters == Letters::kAscii,
                   bad == BadUtf8::kReplace ? Handler::replace : Handler::strict);
}

template std::string dump_json(const nlohmann::json& json, int indent, BadUtf8 bad,
                               Letters letters);
template std::string dump_json(const nlohmann::ordered_json& json, int indent, BadUtf8 bad,
                               Letters letters);

}  // namespace incipit
