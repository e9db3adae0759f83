// cut_below_shared(): cuts a forest into a trunk of shared segments and the branches below it.
#include <algorithm>

#include "core/check.h"
#include "core/forest.h"

namespace incipit {
namespace {

class Cutter {
 public:
  Cutter(const Forest& forest, std::int64_t max_rows, int trunk_store)
      : forest_(forest), max_rows_(max_rows), trunk_store_(trunk_store) {
    const int count = forest.segment_count();
    children_.resize(count);
    subtree_rows_.resize(count);
    for (int s = count - 1; s >= 0; --s) {
      subtree_rows_[s] += forest.rows(s).size();
      if (forest.parent[s] >= 0) subtree_rows_[forest.parent[s]] += subtree_rows_[s];
    }
    for (int s = 0; s < count; ++s) {
      if (forest.parent[s] >= 0) children_[forest.parent[s]].push_back(s);
    }
    branch_of_.assign(count, kTrunk);
    for (int s = 0; s < count; ++s) {
      if (forest.parent[s] < 0) assign(s);
    }
  }

  [[nodiscard]] int branches() const { return branches_; }

  [[nodiscard]] ForestCut cut() {
    ForestCut result;
    trunk_range_.resize(forest_.segment_count());
    result.trunk = extract(kTrunk, result.trunk_target_of);
    for (int branch = 0; branch < branches_; ++branch) {
      auto& added = result.branches.emplace_back();
      added.forest = extract(branch, added.target_of);
    }
    return result;
  }

 private:
  static constexpr int kTrunk = -1;

  // Assigns the whole subtree to one branch. If it needs several, leaves `segment` in the trunk and
  // assigns its children.
  void assign(int segment) {
    if (subtree_rows_[segment] <= max_rows_ || children_[segment].empty()) {
      if (branches_ == 0 || rows_in_branch_ + subtree_rows_[segment] > max_rows_) {
        ++branches_;
        rows_in_branch_ = 0;
      }
      rows_in_branch_ += subtree_rows_[segment];
      mark(segment);
    } else {
      for (const int child : children_[segment]) assign(child);
    }
  }

  void mark(int segment) {
    branch_of_[segment] = branches_ - 1;
    for (const int child : children_[segment]) mark(child);
  }

  // Marks the part's own segments and their ancestors. In a branch, the ancestors in the trunk are
  // resident.
  [[nodiscard]] std::vector<char> wanted(int part) const {
    std::vector<char> wanted(forest_.segment_count(), 0);
    for (int s = forest_.segment_count() - 1; s >= 0; --s) {
      if (branch_of_[s] == part) wanted[s] = 1;
      if (wanted[s] && forest_.parent[s] >= 0) wanted[forest_.parent[s]] = 1;
    }
    return wanted;
  }

  [[nodiscard]] Forest extract(int part, std::vector<std::int32_t>& target_of) {
    const std::vector<char> in_part = wanted(part);
    std::vector<int> new_index(forest_.segment_count(), -1);
    Forest out;
    auto span = forest_.prompt_spans.begin();
    auto target = forest_.targets.begin();
    for (int s = 0; s < forest_.segment_count(); ++s) {
      const Range rows = forest_.rows(s);
      const bool computed = branch_of_[s] == part;
      const std::int64_t shift = out.row_count() - rows.begin;
      for (; span != forest_.prompt_spans.end() && span->row < rows.end; ++span) {
        if (!computed) continue;
        out.prompt_spans.push_back(*span);
        out.prompt_spans.back().row += shift;
      }
      for (; target != forest_.targets.end() && target->row < rows.end; ++target) {
        if (!computed) continue;
        target_of.push_back(static_cast<std::int32_t>(target - forest_.targets.begin()));
        out.targets.push_back(*target);
        out.targets.back().row += shift;
      }
      if (!in_part[s]) continue;
      new_index[s] = out.segment_count();
      out.parent.push_back(forest_.parent[s] < 0 ? -1 : new_index[forest_.parent[s]]);
      if (computed) {
        const auto at = [&](const auto& values, std::int64_t row) { return values.begin() + row; };
        if (part == kTrunk) trunk_range_[s] = {out.row_count(), out.row_count() + rows.size()};
        out.tokens.insert(out.tokens.end(), at(forest_.tokens, rows.begin),
                          at(forest_.tokens, rows.end));
        out.positions.insert(out.positions.end(), at(forest_.positions, rows.begin),
                             at(forest_.positions, rows.end));
      }
      out.resident.push_back(!forest_.resident[s].empty() || computed
                                 ? forest_.resident[s]
                                 : ResidentRows{trunk_store_, trunk_range_[s]});
      out.segment_begin.push_back(out.row_count());
      out.stack.push_back(forest_.stack[s]);
      out.adapted_by.push_back(forest_.adapted_by[s]);
    }
    return out;
  }

  const Forest& forest_;
  std::int64_t max_rows_;
  int trunk_store_;
  std::vector<std::vector<int>> children_;
  std::vector<std::int64_t> subtree_rows_;
  std::vector<int> branch_of_;
  std::vector<Range> trunk_range_;
  int branches_ = 0;
  std::int64_t rows_in_branch_ = 0;
};

// Returns the rows per branch, at most max_rows, that give at least the wanted number of branches
// (or as many as segments allow), and no more branches than necessary. The smaller the branches,
// the more there are.
std::int64_t rows_for_branches(const Forest& forest, std::int64_t max_rows, int wanted) {
  const auto branches = [&](std::int64_t rows) { return Cutter(forest, rows, 0).branches(); };
  wanted = std::min(wanted, branches(1));
  std::int64_t enough = 1;
  std::int64_t too_many = std::min(max_rows, forest.row_count()) + 1;
  while (too_many - enough > 1) {
    const std::int64_t middle = enough + (too_many - enough) / 2;
    (branches(middle) >= wanted ? enough : too_many) = middle;
  }
  // Of the sizes that give this number of branches, take the smallest, so that no branch is larger
  // than necessary.
  const int count = branches(enough);
  std::int64_t equal = enough;
  std::int64_t too_few = 0;
  while (equal - too_few > 1) {
    const std::int64_t middle = too_few + (equal - too_few) / 2;
    (branches(middle) <= count ? equal : too_few) = middle;
  }
  return branches(equal) == count ? equal : enough;
}

}  // namespace

ForestCut cut_below_shared(const Forest& forest, std::int64_t max_rows, int min_branches,
                           int stores) {
  INCIPIT_CHECK(max_rows > 0 && min_branches > 0);
  if (min_branches > 1) max_rows = rows_for_branches(forest, max_rows, min_branches);
  for (const ResidentRows& resident : forest.resident) {
    INCIPIT_CHECK(resident.empty() || resident.store < stores, "store ", resident.store, " of ",
                  stores);
  }
  if (forest.row_count() <= max_rows) {
    ForestCut whole;
    whole.branches.push_back({forest, {}});
    auto& target_of = whole.branches[0].target_of;
    for (std::size_t t = 0; t < forest.targets.size(); ++t) {
      target_of.push_back(static_cast<std::int32_t>(t));
    }
    return whole;
  }
  return Cutter(forest, max_rows, stores).cut();
}

}  // namespace incipit
