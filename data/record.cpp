#include "data/record.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/check.h"
#include "core/json.h"
#include "core/log.h"
#include "core/text.h"
#include "data/lines.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

using nlohmann::json;

std::string excerpt(std::string_view text, std::size_t at) {
  std::size_t begin = std::min(at, text.size());
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  std::size_t end = begin;
  while (end < text.size() && end < begin + 20) end += utf8_length(text[end]);
  return std::string(text.substr(begin, end - begin));
}

const json* member(const json& value, std::string_view key) {
  if (value.is_object()) {
    const auto found = value.find(key);
    return found == value.end() ? nullptr : &*found;
  }
  const bool number =
      !key.empty() && key.size() < 10 &&
      std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!value.is_array() || !number) return nullptr;
  const std::size_t index = std::stoul(std::string(key));
  return index < value.size() ? &value[index] : nullptr;
}

}  // namespace

Record::Record(std::string_view line, std::string file, std::int64_t line_number)
    : file_(std::move(file)), line_(line_number) {
  check_utf8(line, file_, line_);
  try {
    value_ = std::make_shared<json>(parse_json_exactly(line));
  } catch (const JsonError& error) {
    if (error.cut_off()) fail("the line ends within its JSON; is the file cut off?");
    if (error.byte() == 0) fail(std::string("JSON that cannot be read: ") + error.what());
    fail("invalid JSON at byte " + std::to_string(error.byte()) + " of the line, at '" +
         excerpt(line, error.byte() - 1) + "'; expected one JSON object a line");
  }
  if (!value_->is_object()) {
    fail(std::string("expected a JSON object with the record's fields, found ") +
         value_->type_name());
  }
}

Record::Record(std::span<const std::string> names, std::span<const std::string> values,
               std::string file, std::int64_t line_number)
    : value_(std::make_shared<json>(json::object())), file_(std::move(file)), line_(line_number) {
  INCIPIT_CHECK(names.size() == values.size());
  for (std::size_t i = 0; i < names.size(); ++i) (*value_)[names[i]] = values[i];
}

Record::~Record() = default;
Record::Record(const Record&) = default;
Record& Record::operator=(const Record&) = default;
Record::Record(Record&&) noexcept = default;
Record& Record::operator=(Record&&) noexcept = default;

void Record::fail(const std::string& message) const {
  throw DataError(file_ + ":" + std::to_string(line_) + ": " + message);
}

const Record::Binding* Record::binding(std::string_view name) const {
  for (const Binding& each : bindings_) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

const json* Record::find(std::string_view field) const {
  const std::size_t first = field.find('.');
  const Binding* bound = binding(field.substr(0, first));
  if (bound == nullptr) {
    if (const json* whole = member(*value_, field)) return whole;
  } else if (first == std::string_view::npos) {
    return bound->value;
  } else {
    field.remove_prefix(first + 1);
  }
  const json* value = bound == nullptr ? value_.get() : bound->value;
  while (value != nullptr) {
    const std::size_t dot = field.find('.');
    value = member(*value, field.substr(0, dot));
    if (dot == std::string_view::npos) return value;
    field.remove_prefix(dot + 1);
  }
  return nullptr;
}

const json& Record::need(std::string_view field) const {
  if (const json* value = find(field)) return *value;
  fail_missing(field);
}

void Record::fail_missing(std::string_view field) const {
  // The existing beginning of a path says more than the names at its root.
  const std::size_t dot = field.rfind('.');
  const json* parent = dot == std::string_view::npos ? nullptr : find(field.substr(0, dot));
  if (parent != nullptr && parent->is_object()) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : parent->items()) keys.push_back(key);
    fail("the record has no field '" + full_path(field) + "', there only " + join(keys) +
         did_you_mean(field.substr(dot + 1), keys));
  }
  const auto keys = names();
  fail("the record has no field '" + full_path(field) + "', only " + join(keys) +
       did_you_mean(field, keys));
}

std::string Record::full_path(std::string_view field) const {
  const std::size_t dot = std::min(field.find('.'), field.size());
  const Binding* bound = binding(field.substr(0, dot));
  return bound == nullptr ? std::string(field) : bound->path + std::string(field.substr(dot));
}

Record Record::bind(std::string_view name, std::string_view path) const {
  Record nested(*this);
  Binding bound{std::string(name), full_path(path), &need(path)};
  std::erase_if(nested.bindings_, [&](const Binding& each) { return each.name == name; });
  nested.bindings_.push_back(std::move(bound));
  return nested;
}

std::int64_t Record::list_size(std::string_view path) const {
  const json* value = find(path);
  if (value == nullptr) fail_missing(path);
  if (!value->is_array()) {
    fail(full_path(path) + " is no list, but of type " + value->type_name());
  }
  return static_cast<std::int64_t>(value->size());
}

json& Record::own_json() {
  INCIPIT_CHECK(bindings_.empty());
  if (value_.use_count() > 1) value_ = std::make_shared<nlohmann::json>(*value_);
  return *value_;
}

std::vector<std::string> Record::names() const {
  std::vector<std::string> names;
  for (const Binding& each : bindings_) names.push_back(each.name);
  for (const auto& [key, value] : value_->items()) names.push_back(key);
  return names;
}

bool Record::has(std::string_view field) const {
  const json* value = find(field);
  return value != nullptr && !value->is_null();
}

std::string Record::text(std::string_view field) const {
  const json& value = need(field);
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean() || value.is_number()) return dump_json(value);
  fail("the field '" + full_path(field) + "' is of type " + value.type_name() +
       "; expected text or a number");
}

std::string Record::as_json() const { return value_->dump(); }

std::string Record::json_text(std::string_view field) const { return dump_json(need(field)); }

const std::vector<std::string>& RecordReader::columns() const {
  static const std::vector<std::string> none;
  return none;
}

void RecordReader::fail_no_record(const std::string& file, std::int64_t line) {
  throw DataError(file + ": there is no record on line " + std::to_string(line) +
                  "; did the file change?");
}

void BadRecords::add(const DataError& error) {
  if (!skip_ || dynamic_cast<const FileError*>(&error) != nullptr) throw error;
  if (count_ == cap_) {
    throw DataError(std::string(error.what()) + " (and " + std::to_string(count_) +
                    " bad records before it, as many as task.max_bad_records allows)");
  }
  ++count_;
  log::info("skipped a bad record: {}", error.what());
}

}  // namespace incipit::data
