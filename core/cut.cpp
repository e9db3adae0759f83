// cut_below_shared(): cuts a forest into a trunk of shared segments and the branches below it.
// cut_into_parts(): into several such cuts.
#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/forest.h"

namespace incipit {
namespace {

// Copies segments of a forest, in its order, to another one. `target_of`: receives the indices of
// the copied targets.
class Extraction {
 public:
  Extraction(const Forest& from, std::vector<std::int32_t>& target_of)
      : from_(from), target_of_(target_of), new_index_(from.segment_count(), -1) {}

  // Adds a segment with its rows, which it returns. A resident segment stays resident.
  Range add_computed(int segment) {
    const Range rows = from_.rows(segment);
    const Range added{out_.row_count(), out_.row_count() + rows.size()};
    const std::int64_t shift = added.begin - rows.begin;
    const auto in_rows = [&](const auto& all) {
      const auto before = [](const auto& each, std::int64_t row) { return each.row < row; };
      return std::pair(std::lower_bound(all.begin(), all.end(), rows.begin, before),
                       std::lower_bound(all.begin(), all.end(), rows.end, before));
    };
    for (auto [span, end] = in_rows(from_.prompt_spans); span != end; ++span) {
      out_.prompt_spans.push_back(*span);
      out_.prompt_spans.back().row += shift;
    }
    for (auto [target, end] = in_rows(from_.targets); target != end; ++target) {
      target_of_.push_back(static_cast<std::int32_t>(target - from_.targets.begin()));
      out_.targets.push_back(*target);
      out_.targets.back().row += shift;
    }
    out_.tokens.insert(out_.tokens.end(), from_.tokens.begin() + rows.begin,
                       from_.tokens.begin() + rows.end);
    out_.positions.insert(out_.positions.end(), from_.positions.begin() + rows.begin,
                          from_.positions.begin() + rows.end);
    add_resident(segment, from_.resident[segment]);
    return added;
  }

  // Adds a segment without rows.
  void add_resident(int segment, const ResidentRows& resident) {
    const int parent = from_.parent[segment];
    new_index_[segment] = out_.segment_count();
    out_.parent.push_back(parent < 0 ? -1 : new_index_[parent]);
    out_.resident.push_back(resident);
    out_.segment_begin.push_back(out_.row_count());
    out_.stack.push_back(from_.stack[segment]);
    out_.adapted_by.push_back(from_.adapted_by[segment]);
  }

  [[nodiscard]] Forest take() { return std::move(out_); }

 private:
  const Forest& from_;
  std::vector<std::int32_t>& target_of_;
  std::vector<int> new_index_;
  Forest out_;
};

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
    Extraction extraction(forest_, target_of);
    for (int s = 0; s < forest_.segment_count(); ++s) {
      if (branch_of_[s] == part) {
        const Range rows = extraction.add_computed(s);
        if (part == kTrunk) trunk_range_[s] = rows;
      } else if (in_part[s]) {
        extraction.add_resident(s, forest_.resident[s].empty()
                                       ? ResidentRows{trunk_store_, trunk_range_[s]}
                                       : forest_.resident[s]);
      }
    }
    return extraction.take();
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

// Returns the segments from which on prompts differ: the roots, or if there is a single one, before
// all prompts (a BOS token), its children.
std::vector<int> prompt_roots(const Forest& forest) {
  std::vector<int> roots;
  std::vector<int> children;
  for (int s = 0; s < forest.segment_count(); ++s) {
    if (forest.parent[s] < 0) roots.push_back(s);
    if (forest.parent[s] == 0) children.push_back(s);
  }
  if (roots.size() != 1 || forest.prompt_spans.empty()) return roots;
  const std::int64_t end = forest.rows(0).end;
  const bool before_prompts = forest.prompt_spans.front().row >= end &&
                              (forest.targets.empty() || forest.targets.front().row >= end);
  return before_prompts ? children : roots;
}

// Returns the subtrees of `roots` [begin, end), which are in preorder, with their common parent.
Forest subtrees(const Forest& forest, const std::vector<int>& roots, std::size_t begin,
                std::size_t end, std::vector<std::int32_t>& target_of) {
  Extraction extraction(forest, target_of);
  const int parent = forest.parent[roots[begin]];
  if (parent >= 0) extraction.add_computed(parent);
  const int last = end < roots.size() ? roots[end] : forest.segment_count();
  for (int s = roots[begin]; s < last; ++s) extraction.add_computed(s);
  return extraction.take();
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

std::vector<ForestCut> cut_into_parts(const Forest& forest, std::int64_t max_rows, int min_branches,
                                      int stores) {
  std::vector<ForestCut> cuts{cut_below_shared(forest, max_rows, min_branches, stores)};
  const std::vector<int> roots = prompt_roots(forest);
  if (roots.size() < 2) return cuts;
  const int parent = forest.parent[roots.front()];
  const std::int64_t shared = parent < 0 ? 0 : forest.rows(parent).size();
  if (cuts.front().trunk.row_count() - shared <= max_rows) return cuts;
  cuts.clear();
  const std::size_t middle = roots.size() / 2;
  for (const auto& [begin, end] : {std::pair(std::size_t{0}, middle), {middle, roots.size()}}) {
    std::vector<std::int32_t> target_of;
    const Forest half = subtrees(forest, roots, begin, end, target_of);
    const auto renumber = [&](std::vector<std::int32_t>& targets) {
      for (std::int32_t& target : targets) target = target_of[target];
    };
    for (ForestCut& cut : cut_into_parts(half, max_rows, min_branches, stores)) {
      renumber(cut.trunk_target_of);
      for (ForestCut::Branch& branch : cut.branches) renumber(branch.target_of);
      cuts.push_back(std::move(cut));
    }
  }
  return cuts;
}

}  // namespace incipit
