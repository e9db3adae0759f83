#include <numeric>

#include "core/check.h"
#include "nn/attention.h"

namespace incipit::nn {
namespace {

// Large enough for efficient matmuls, small enough to skip most of the masked triangle and to stay
// in the L2 cache.
constexpr std::int64_t kBlockQueries = 48;

}  // namespace

AttentionPlan::AttentionPlan(const Forest& forest) : query_rows_(forest.row_count()) {
  std::iota(query_rows_.begin(), query_rows_.end(), std::int64_t{0});
  make_segments(forest);
  make_blocks();
}

AttentionPlan::AttentionPlan(const Forest& forest, std::vector<std::int64_t> query_rows)
    : query_rows_(std::move(query_rows)) {
  make_segments(forest);
  make_blocks();
}

void AttentionPlan::make_segments(const Forest& forest) {
  std::vector<std::vector<KeySpan>> seen(forest.segment_count());  // by the segment's children
  for (int s = 0; s < forest.segment_count(); ++s) {
    std::vector<KeySpan> ancestors;
    if (forest.parent[s] >= 0) ancestors = seen[forest.parent[s]];
    const bool resident = !forest.resident[s].empty();
    const int store = resident ? forest.resident[s].store : KeySpan::kOwn;
    const Range rows = resident ? forest.resident[s].rows : forest.rows(s);
    seen[s] = ancestors;
    if (rows.empty()) continue;
    auto& last = seen[s];
    if (!last.empty() && last.back().store == store && last.back().rows.end == rows.begin) {
      last.back().rows.end = rows.end;
    } else {
      last.push_back({rows, store});
    }
    if (resident) continue;
    Segment segment{rows, std::move(ancestors), 0, {}};
    for (const KeySpan& span : segment.ancestors) segment.ancestor_rows += span.rows.size();
    segments_.push_back(std::move(segment));
  }
}

void AttentionPlan::make_blocks() {
  std::int64_t query = 0;
  for (Segment& segment : segments_) {
    segment.queries.begin = query;
    while (query < query_count() && query_rows_[query] < segment.rows.end) {
      const std::int64_t begin = query;
      while (query < query_count() && query_rows_[query] < segment.rows.end &&
             query - begin < kBlockQueries) {
        segment_ends_.push_back(segment.ancestor_rows + segment.rows.size());
        query_positions_.push_back(segment.ancestor_rows + query_rows_[query] - segment.rows.begin);
        ++query;
      }
      blocks_.push_back({&segment, begin, query});
    }
    segment.queries.end = query;
  }
  INCIPIT_CHECK(query == query_count(), "a query stands beyond the last row");
}

double AttentionPlan::pairs(const AttentionRule& rule) const {
  const auto [known, is_new] = pairs_.try_emplace({rule.window, rule.full}, 0.0);
  for (std::int64_t query = 0; is_new && query < query_count(); ++query) {
    known->second += static_cast<double>(seen_keys(query, rule).size());
  }
  return known->second;
}

}  // namespace incipit::nn
