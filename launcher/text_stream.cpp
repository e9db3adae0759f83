#include "launcher/text_stream.h"

#include <algorithm>
#include <string_view>

namespace incipit::launcher {
namespace {

// Returns the length of the longest suffix of `text` that `stop` begins with.
std::size_t begun(std::string_view text, std::string_view stop) {
  std::size_t count = std::min(text.size(), stop.size() - 1);
  while (!text.ends_with(stop.substr(0, count))) --count;
  return count;
}

}  // namespace

std::string TextStream::take(const std::string& text, bool is_last) {
  if (is_stopped_) return "";
  pending_ += text;
  std::size_t end = std::string::npos;
  std::size_t held = 0;
  for (const std::string& stop : stops_) {
    end = std::min(end, pending_.find(stop));
    held = std::max(held, begun(pending_, stop));
  }
  is_stopped_ = end != std::string::npos;
  if (!is_stopped_) end = pending_.size() - (is_last ? 0 : held);
  std::string certain = pending_.substr(0, end);
  pending_.erase(0, end);
  return certain;
}

}  // namespace incipit::launcher
