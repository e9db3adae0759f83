#include "explain/nearest_tokens.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/topk.h>

#include <algorithm>
#include <numeric>

namespace incipit::explain {
namespace {

constexpr std::int64_t kTokensAtOnce = 8192;
constexpr double kLeastNorm = 1e-12;  // of an embedding that is zero

// The largest values so far of every row, and their token ids.
class Best {
 public:
  explicit Best(int count) : count_(count) {}

  // values [n, tokens]: those of the tokens from `first` on.
  void add(const at::Tensor& values, std::int64_t first) {
    const std::int64_t most = std::min<std::int64_t>(count_, values.size(1));
    auto [top, index] = at::topk(values, most, 1);
    index = index + first;
    if (values_.defined()) {
      const at::Tensor all = at::cat({values_, top}, 1);
      const at::Tensor ids = at::cat({ids_, index}, 1);
      std::tie(top, index) = at::topk(all, std::min<std::int64_t>(count_, all.size(1)), 1);
      index = at::gather(ids, 1, index);
    }
    values_ = top;
    ids_ = index;
  }

  // Returns those of a row, their values times `sign`.
  [[nodiscard]] std::vector<RatedToken> row(std::int64_t row, double sign,
                                            const data::Tokenizer& tokenizer) const {
    std::vector<RatedToken> tokens;
    for (std::int64_t i = 0; i < values_.size(1); ++i) {
      const auto id = static_cast<TokenId>(ids_[row][i].item<std::int64_t>());
      tokens.push_back({id, token_text(tokenizer, id), sign * values_[row][i].item<double>()});
    }
    return tokens;
  }

 private:
  int count_;
  at::Tensor values_;
  at::Tensor ids_;
};

}  // namespace

at::Tensor row_norms(const at::Tensor& rows) { return at::linalg_vector_norm(rows, 2, {1}, true); }

std::string token_text(const data::Tokenizer& tokenizer, TokenId id) {
  return tokenizer.decode({&id, 1}, /*skip_special=*/false);
}

std::int64_t known_tokens(const data::Tokenizer& tokenizer, const model::Backbone& backbone) {
  return std::min<std::int64_t>(tokenizer.vocab_size(), backbone.spec().vocab_size);
}

std::vector<Neighbours> nearest_tokens(const at::Tensor& rows, int count,
                                       const data::Tokenizer& tokenizer,
                                       const model::Backbone& backbone) {
  const at::Tensor norms = row_norms(rows);
  const std::int64_t vocabulary = known_tokens(tokenizer, backbone);
  Best by_cosine(count);
  Best by_distance(count);
  for (std::int64_t first = 0; first < vocabulary; first += kTokensAtOnce) {
    std::vector<TokenId> ids(static_cast<std::size_t>(std::min(kTokensAtOnce, vocabulary - first)));
    std::iota(ids.begin(), ids.end(), static_cast<TokenId>(first));
    const at::Tensor table = backbone.embed(ids);
    const at::Tensor table_norms = row_norms(table).t();
    const at::Tensor products = at::matmul(rows, table.t());
    by_cosine.add(products / (norms * table_norms).clamp_min_(kLeastNorm), first);
    const at::Tensor squares = norms * norms + table_norms * table_norms - 2 * products;
    by_distance.add(-squares.clamp_min(0).sqrt(), first);
  }
  std::vector<Neighbours> all;
  for (std::int64_t row = 0; row < rows.size(0); ++row) {
    all.push_back({by_cosine.row(row, 1, tokenizer), by_distance.row(row, -1, tokenizer)});
  }
  return all;
}

}  // namespace incipit::explain
