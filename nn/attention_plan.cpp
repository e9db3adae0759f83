#include <algorithm>
#include <array>
#include <numeric>

#include "core/check.h"
#include "nn/attention.h"
#include "nn/flash_plan.h"

namespace incipit::nn {
namespace {

// Large enough for efficient matmuls, small enough to skip most of the masked triangle and to stay
// in the L2 cache.
constexpr std::int64_t kBlockQueries = 48;

// Adds rows to the keys on a path.
void append(std::vector<KeySpan>& path, const Range& rows, int store) {
  if (!path.empty() && path.back().store == store && path.back().rows.end == rows.begin) {
    path.back().rows.end = rows.end;
  } else {
    path.push_back({rows, store});
  }
}

}  // namespace

AttentionPlan::AttentionPlan(const Forest& forest, const PlanStacks& stacks)
    : query_rows_(static_cast<std::size_t>(forest.row_count(stacks.queries))) {
  std::iota(query_rows_.begin(), query_rows_.end(), std::int64_t{0});
  make_segments(forest, stacks);
  make_blocks();
}

AttentionPlan::AttentionPlan(const Forest& forest, std::vector<std::int64_t> query_rows,
                             const PlanStacks& stacks)
    : query_rows_(std::move(query_rows)) {
  make_segments(forest, stacks);
  make_blocks();
}

void AttentionPlan::make_segments(const Forest& forest, const PlanStacks& stacks) {
  std::vector<std::vector<KeySpan>> seen(forest.segment_count());  // by the segment's children
  std::array<std::int64_t, Forest::kStacks> rows_before{};
  for (int s = 0; s < forest.segment_count(); ++s) {
    const int stack = forest.stack[s];
    std::vector<KeySpan> ancestors;
    if (forest.parent[s] >= 0) ancestors = seen[forest.parent[s]];
    seen[s] = ancestors;
    const bool resident = !forest.resident[s].empty();
    const std::int64_t begin = rows_before[stack];
    rows_before[stack] += forest.rows(s).size();
    const Range rows = resident ? forest.resident[s].rows : Range{begin, rows_before[stack]};
    if (rows.empty()) continue;
    if (stack == stacks.keys)
      append(seen[s], rows, resident ? forest.resident[s].store : KeySpan::kOwn);
    if (resident || stack != stacks.queries) continue;
    const Range own_keys = stacks.keys == stack ? rows : Range{};
    Segment segment{rows, own_keys, std::move(ancestors), 0, {}};
    for (const KeySpan& span : segment.ancestors) segment.ancestor_rows += span.rows.size();
    INCIPIT_CHECK(segment.ancestor_rows + own_keys.size() > 0, "segment ", s, " sees no keys");
    segments_.push_back(std::move(segment));
  }
  is_self_attention_ = stacks.queries == stacks.keys;
  row_count_ = rows_before[stacks.queries];
  const std::int64_t first_padding = forest.row_count() - forest.padding_rows;
  padding_queries_ =
      query_rows_.end() - std::lower_bound(query_rows_.begin(), query_rows_.end(), first_padding);
}

void AttentionPlan::make_blocks() {
  std::int64_t query = 0;
  for (Segment& segment : segments_) {
    segment.queries.begin = query;
    while (query < query_count() && query_rows_[query] < segment.rows.end) {
      const std::int64_t begin = query;
      while (query < query_count() && query_rows_[query] < segment.rows.end &&
             query - begin < kBlockQueries) {
        segment_ends_.push_back(segment.ancestor_rows + segment.own_keys.size());
        query_positions_.push_back(segment.ancestor_rows + query_rows_[query] - segment.rows.begin);
        ++query;
      }
      blocks_.push_back({&segment, begin, query});
    }
    segment.queries.end = query;
  }
  INCIPIT_CHECK(query == query_count(), "a query stands beyond the last row");
}

const FlashPlan& AttentionPlan::flash_plan(at::Device device, bool full) const {
  std::shared_ptr<FlashPlan>& plan = flash_plans_[full ? 1 : 0];
  if (!plan || plan->device() != device) plan = std::make_shared<FlashPlan>(*this, full, device);
  return *plan;
}

double AttentionPlan::pairs(const AttentionRule& rule) const {
  const auto [known, is_new] = pairs_.try_emplace({rule.window, rule.full}, 0.0);
  for (std::int64_t query = 0; is_new && query < query_count(); ++query) {
    known->second += static_cast<double>(seen_keys(query, rule).size());
  }
  return known->second;
}

bool AttentionPlan::is_cut_by(const AttentionRule& rule) const {
  AttentionRule open = rule;
  open.window.reset();
  return rule.window && pairs(rule) < pairs(open);
}

}  // namespace incipit::nn
