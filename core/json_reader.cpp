// The reader of core/json.h.
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/json.h"

namespace incipit {
namespace {

// Removes the brackets of "[json.exception.parse_error.101] parse error at line 1, ...".
std::string without_tag(const std::string& message) {
  const std::size_t end = message.find("] ");
  return message.starts_with('[') && end != std::string::npos ? message.substr(end + 2) : message;
}

// Builds the value from the parser's events. nlohmann's own builder with a callback looks at all
// members of an object each time one of them is complete, so its time is quadratic.
template <class Json>
class Builder final : public nlohmann::json_sax<Json> {
 public:
  // Leaves out the top-level key `skip`; "" leaves out nothing. `exact`: whole numbers beyond 64
  // bits are text.
  Builder(std::size_t text_bytes, std::string_view skip, bool exact)
      : text_bytes_(text_bytes), skip_(skip), exact_(exact) {}

  [[nodiscard]] Json take() { return std::move(root_); }

  using Text = typename Json::string_t;
  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(typename Json::number_integer_t value) override { return add(value); }
  bool number_unsigned(typename Json::number_unsigned_t value) override { return add(value); }
  bool number_float(typename Json::number_float_t value, const Text& written) override {
    if (exact_ && written.find_first_of(".eE") == Text::npos) return add(written);
    return add(value);
  }
  bool string(Text& value) override { return add(std::move(value)); }
  bool binary(typename Json::binary_t&) override { return false; }  // not in text
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(Text& name) override {
    if constexpr (kOrdered) {
      if (!keys_.back().insert(name).second) refuse_repeated(name);
    }
    key_ = std::move(name);
    if (open_.size() == 1 && !skip_.empty()) skips_ = key_ == skip_;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // A number beyond a double is well-formed; its message quotes it.
    const bool syntax = dynamic_cast<const nlohmann::json::parse_error*>(&error) != nullptr;
    throw JsonError(syntax ? position : 0, position > text_bytes_, without_tag(error.what()));
  }

 private:
  static constexpr bool kOrdered = std::is_same_v<Json, nlohmann::ordered_json>;

  [[noreturn]] static void refuse(const std::string& reason) { throw JsonError(0, false, reason); }
  [[noreturn]] static void refuse_repeated(const Text& key) {
    refuse("the key " + dump_json(Json(key), -1, BadUtf8::kReplace, Letters::kAscii) +
           " stands twice in one object");
  }

  void count() {
    if (++values_ > kMaxJsonValues) {
      refuse("more than " + std::to_string(kMaxJsonValues) + " values");
    }
  }

  // Returns where the value was placed; null if it is left out.
  Json* place(Json&& value) {
    count();
    if (skips_) return nullptr;
    if (open_.empty()) return &(root_ = std::move(value));
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    auto& members = parent.template get_ref<typename Json::object_t&>();
    if constexpr (kOrdered) {
      // emplace() would compare with every key of the object; key() has refused repeated ones.
      members.push_back({std::move(key_), std::move(value)});
      return &members.back().second;
    } else {
      const auto [member, is_new] = members.emplace(key_, std::move(value));
      if (!is_new) refuse_repeated(key_);
      return &member->second;
    }
  }

  template <class Value>
  bool add(Value&& value) {
    (void)place(Json(std::forward<Value>(value)));
    return true;
  }

  bool open(Json&& empty) {
    if (open_.size() == kMaxJsonDepth) {
      refuse("nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
    }
    open_.push_back(place(std::move(empty)));
    if constexpr (kOrdered) keys_.emplace_back();
    return true;
  }

  bool close() {
    open_.pop_back();
    if constexpr (kOrdered) keys_.pop_back();
    return true;
  }

  std::size_t text_bytes_;
  std::string_view skip_;
  bool exact_;
  bool skips_ = false;
  std::size_t values_ = 0;
  Json root_;
  Text key_;
  std::vector<Json*> open_;                     // null in the part that is left out
  std::vector<std::unordered_set<Text>> keys_;  // of ordered objects, for each of open_
};

// Of a file or a record. The largest tokenizer.json have 40 MB; a safetensors header, 100 MB.
constexpr std::size_t kMaxBytes = std::size_t{256} << 20;

template <class Json>
Json read(std::string_view text, std::string_view skip = "", bool exact = false) {
  if (text.size() > kMaxBytes) {
    throw JsonError(0, false, "it has more than " + std::to_string(kMaxBytes >> 20) + " MiB");
  }
  Builder<Json> builder(text.size(), skip, exact);
  Json::sax_parse(text, &builder);
  return builder.take();
}

}  // namespace

JsonError::JsonError(std::size_t byte, bool cut_off, const std::string& reason)
    : DataError("invalid JSON" + (byte == 0 ? "" : " at byte " + std::to_string(byte)) +
                (cut_off ? " (it ends too early: is the file truncated?)" : "") + ": " + reason),
      byte_(byte),
      cut_off_(cut_off) {}

template <class Json>
Json parse_json(std::string_view text) {
  return read<Json>(text);
}

nlohmann::json parse_json_exactly(std::string_view text) {
  return read<nlohmann::json>(text, "", true);
}

template <class Json>
Json parse_json_or_discard(std::string_view text) {
  try {
    return read<Json>(text);
  } catch (const JsonError&) {
    return Json(Json::value_t::discarded);
  }
}

template <class Json>
Json parse_json_of(const std::filesystem::path& file, std::string_view text) {
  try {
    return read<Json>(text);
  } catch (const JsonError& error) {
    throw DataError(file.string() + ": " + error.what());
  }
}

nlohmann::json parse_json_without(const std::filesystem::path& file, std::string_view text,
                                  std::string_view skip) {
  try {
    return read<nlohmann::json>(text, skip);
  } catch (const JsonError& error) {
    throw DataError(file.string() + ": " + error.what());
  }
}

template nlohmann::json parse_json(std::string_view text);
template nlohmann::ordered_json parse_json(std::string_view text);
template nlohmann::json parse_json_or_discard(std::string_view text);
template nlohmann::ordered_json parse_json_or_discard(std::string_view text);
template nlohmann::json parse_json_of(const std::filesystem::path& file, std::string_view text);
template nlohmann::ordered_json parse_json_of(const std::filesystem::path& file,
                                              std::string_view text);

}  // namespace incipit
