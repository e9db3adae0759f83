#include "comm/agreement.h"

#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/text.h"

namespace incipit::comm {
namespace {

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

std::string quoted(std::string_view line) {
  constexpr std::size_t kMost = 200;
  std::string text = "'";
  text += line.substr(0, kMost);
  text += line.size() > kMost ? "...'" : "'";
  return text;
}

// Returns the first pair of lines that differ. The texts must differ.
std::pair<std::string, std::string> first_difference(std::string_view a, std::string_view b) {
  while (true) {
    const std::string_view line_a = take_line(a);
    const std::string_view line_b = take_line(b);
    if (line_a != line_b || (a.empty() && b.empty())) return {quoted(line_a), quoted(line_b)};
  }
}

}  // namespace

void require_same(Communicator& ranks, std::string_view what, std::string_view fingerprint) {
  const auto texts = ranks.all_gather(fingerprint, "check at start-up");
  const auto world_ranks = ranks.all_gather(ranks.context().world_rank, "check at start-up");
  std::vector<std::string> different;
  std::string example;
  for (std::size_t r = 1; r < texts.size(); ++r) {
    if (texts[r] == texts[0]) continue;
    different.push_back(std::to_string(world_ranks[r]));
    if (!example.empty()) continue;
    const auto [expected, found] = first_difference(texts[0], texts[r]);
    example = "rank " + std::to_string(world_ranks[0]) + " has " + expected + ", rank " +
              different.back() + " has " + found;
  }
  if (different.empty()) return;
  throw ConfigError("the ranks were not given the same " + std::string(what) + ": rank " +
                    join(different) + " differs from rank " + std::to_string(world_ranks[0]) +
                    " (" + example + "); give all ranks the same files and options");
}

}  // namespace incipit::comm
