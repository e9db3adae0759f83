#include "data/template.h"

#include <algorithm>

#include "core/check.h"
#include "core/error.h"

namespace incipit::data {

namespace {

std::vector<TextFilter> read_filters(std::string_view text, const std::string& at) {
  std::vector<TextFilter> filters;
  while (!text.empty()) {
    const std::size_t bar = std::min(text.find('|', 1), text.size());
    try {
      filters.emplace_back(text.substr(1, bar - 1));
    } catch (const ConfigError& error) {
      throw ConfigError("'{'" + at + ": " + error.what());
    }
    text.remove_prefix(bar);
  }
  return filters;
}

}  // namespace

Template::Template(std::string_view text) {
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) pieces_.push_back({false, std::move(literal), {}});
    literal.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '{' && c != '}') {
      literal += c;
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == c) {
      literal += c;
      ++i;
      continue;
    }
    const std::string at = " at position " + std::to_string(i);
    if (c == '}') throw ConfigError("'}'" + at + " closes nothing; write '}}' for a brace");
    const std::size_t end = text.find_first_of("{}", i + 1);
    if (end == std::string_view::npos || text[end] == '{') {
      throw ConfigError("'{'" + at + " is never closed; write '{{' for a brace");
    }
    const std::string_view inside = text.substr(i + 1, end - i - 1);
    const std::size_t bar = std::min(inside.find('|'), inside.size());
    const std::string field(inside.substr(0, bar));
    if (field.empty()) throw ConfigError("'{}'" + at + " names no field");
    flush();
    pieces_.push_back({true, field, read_filters(inside.substr(bar), at)});
    if (!has_field(field)) fields_.push_back(field);
    i = end;
  }
  flush();
}

bool Template::has_field(std::string_view field) const {
  return std::find(fields_.begin(), fields_.end(), field) != fields_.end();
}

std::vector<Template::Part> Template::parts() const {
  std::vector<Part> parts;
  for (const Piece& piece : pieces_) parts.push_back({piece.is_field, piece.text});
  return parts;
}

bool Template::has_one_form(std::string_view field) const {
  const Piece* first = nullptr;
  for (const Piece& piece : pieces_) {
    if (!piece.is_field || piece.text != field) continue;
    if (first == nullptr) first = &piece;
    if (piece.filters != first->filters) return false;
  }
  return true;
}

std::string Template::Piece::value(const Record& record) const {
  if (!is_field) return text;
  std::string value = record.text(text);
  for (const TextFilter& filter : filters) value = filter.apply(std::move(value), record, text);
  return value;
}

std::string Template::value(const Record& record, std::string_view field) const {
  const auto piece = std::find_if(pieces_.begin(), pieces_.end(), [&](const Piece& each) {
    return each.is_field && each.text == field;
  });
  INCIPIT_CHECK(piece != pieces_.end());
  return piece->value(record);
}

std::string Template::filled(std::string_view value) const {
  std::string out;
  for (const Piece& piece : pieces_) out += piece.is_field ? value : piece.text;
  return out;
}

std::string Template::render(const Record& record) const { return render(record, "", ""); }

std::string Template::render(const Record& record, std::string_view field,
                             std::string_view value) const {
  std::string out;
  for (const Piece& piece : pieces_) {
    out += piece.is(field) ? std::string(value) : piece.value(record);
  }
  return out;
}

Template::Around Template::around(const Record& record, std::string_view field,
                                  std::string_view value) const {
  const auto last = std::find_if(pieces_.rbegin(), pieces_.rend(),
                                 [&](const Piece& piece) { return piece.is(field); });
  INCIPIT_CHECK(last != pieces_.rend(), "no field ", field);
  Around around;
  for (auto piece = pieces_.rbegin(); piece != last; ++piece) {
    around.after = piece->value(record) + around.after;
  }
  for (auto piece = pieces_.begin(); piece + 1 != last.base(); ++piece) {
    around.before += piece->is(field) ? std::string(value) : piece->value(record);
  }
  return around;
}

bool Template::has_filter(std::string_view field) const {
  return std::any_of(pieces_.begin(), pieces_.end(),
                     [&](const Piece& piece) { return piece.is(field) && !piece.filters.empty(); });
}

namespace {

std::size_t boundary_before(std::string_view text, std::size_t at) {
  while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

std::size_t boundary_after(std::string_view text, std::size_t at) {
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return at;
}

}  // namespace

std::optional<std::size_t> longest_fitting_prefix(
    std::string_view text, std::int64_t limit,
    const std::function<std::int64_t(std::size_t)>& count) {
  const std::int64_t all = count(text.size());
  if (all <= limit) return text.size();
  std::int64_t kept = count(0);
  if (kept > limit) return std::nullopt;

  // Invariant: `low` fits, `high` does not. First, both are moved near the limit by the average
  // bytes per token, with a larger step after every miss; then bisection.
  std::size_t low = 0;
  std::size_t high = text.size();
  std::int64_t excess = all - limit;  // of `high`
  bool low_is_near = false;
  bool high_is_near = false;
  const double bytes_per_token =
      static_cast<double>(text.size()) / static_cast<double>(std::max<std::int64_t>(all - kept, 1));
  double reach = bytes_per_token;
  while (boundary_after(text, low + 1) < high) {
    std::size_t middle = low + (high - low) / 2;
    if (!low_is_near || !high_is_near) {
      const double aim =
          low_is_near ? static_cast<double>(low) + 1 + reach * static_cast<double>(limit + 1 - kept)
                      : static_cast<double>(high) - 1 - reach * static_cast<double>(excess);
      middle = static_cast<std::size_t>(
          std::clamp(aim, static_cast<double>(low + 1), static_cast<double>(high - 1)));
      reach *= 2;
    }
    middle = boundary_before(text, middle);
    if (middle <= low) middle = boundary_after(text, low + 1);
    const std::int64_t tokens = count(middle);
    if (tokens <= limit) {
      if (!low_is_near) reach = bytes_per_token;
      low = middle;
      kept = tokens;
      low_is_near = true;
    } else {
      high_is_near = low_is_near;
      high = middle;
      excess = tokens - limit;
    }
  }
  return low;
}

}  // namespace incipit::data
