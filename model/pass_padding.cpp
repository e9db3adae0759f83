#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

#include "core/padding.h"
#include "model/pass_graphs.h"
#include "nn/attention.h"
#include "nn/flash_sequences.h"

namespace incipit::model {

std::optional<Forest> padded_to_bucket(const Forest& forest, std::int64_t outputs) {
  constexpr std::int64_t kRowStep = 128;
  constexpr std::int64_t kTargetStep = 8;
  std::vector<std::int64_t> target_rows;
  for (const Target& target : forest.targets) {
    if (target_rows.empty() || target_rows.back() != target.row) target_rows.push_back(target.row);
  }
  const std::int64_t rows = forest.row_count();
  const std::int64_t at_rows = std::ssize(target_rows);
  const auto needed = nn::padding_needed(nn::AttentionPlan(forest));
  const auto needed_at_targets =
      nn::padding_needed(nn::AttentionPlan(forest, std::move(target_rows)));
  if (!needed || !needed_at_targets) return {};
  Padding padding;
  padding.target_rows = bucket_size(at_rows + *needed_at_targets, kTargetStep) - at_rows;
  padding.rows =
      bucket_size(std::max(rows, nn::kLeastPaddedRows) + std::max(*needed, padding.target_rows),
                  kRowStep) -
      rows;
  // Targets beyond one per row, such as the first tokens of candidates.
  const std::int64_t further = std::ssize(forest.targets) - at_rows;
  padding.targets =
      padding.target_rows + (further == 0 ? 0 : bucket_size(further, kTargetStep) - further);
  if (padding.targets - padding.target_rows >= outputs) return {};
  return padded(forest, padding);
}

}  // namespace incipit::model
