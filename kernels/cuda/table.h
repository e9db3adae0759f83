// The kernels of a CUDA device on raw pointers, as a table of functions. libincipit_cuda.so has the
// table (kernels/cuda/module.h loads it), and the tests have one whose blocks run on the host.
//
// All functions enqueue work on a stream and return. Pointers are to memory of the device. Numbers
// have the storage type that the call names; arithmetic is in float32. Nothing is launched where
// there are no rows. A call is one launch, unless its comment says otherwise.
#pragma once

#include <stdint.h>

namespace incipit::kernels::cuda {

// Changes whenever a struct below or the meaning of a function changes.
inline constexpr int kTableVersion = 4;

enum class Type : int { kFloat32, kBFloat16, kFloat16 };

struct Launch {
  Type type = Type::kFloat32;  // storage type
  void* stream = nullptr;      // cudaStream_t
};

// Row r begins at data + r * stride; the stride counts numbers.
struct Input {
  const void* data = nullptr;
  int64_t stride = 0;
};
struct Output {
  void* data = nullptr;
  int64_t stride = 0;
};

// Normalises every row of `groups` * `width` numbers in groups of `width`:
//   y = (x - mean) * inverse * (weight + offset) + bias
// With `centred` mean and variance are those of the group (LayerNorm), otherwise mean is 0 and
// inverse = 1 / sqrt(mean(x^2) + eps) (RMSNorm). With `residual`, x is x + residual, which is also
// written to `sum`. y may be x.
struct Norm {
  int64_t rows = 0, groups = 1, width = 0;
  bool centred = false;
  float eps = 0;
  float offset = 0;
  Input x{};
  Input residual{};               // may be null
  Output sum{};                   // with residual
  const float* weight = nullptr;  // [width]
  const float* bias = nullptr;    // [width], or null
  Output y{};
  float* mean = nullptr;     // [rows * groups], if centred
  float* inverse = nullptr;  // [rows * groups]
};

// grad_x += (with `add`) or = the gradient of Norm at x. grad_x may be grad.
struct NormBackward {
  int64_t rows = 0, groups = 1, width = 0;
  bool centred = false;
  float offset = 0;
  bool add = true;
  Input grad{};
  Input x{};
  const float* weight = nullptr;
  const float* mean = nullptr;  // if centred
  const float* inverse = nullptr;
  Output grad_x{};
};

// Cosines and sines of position * frequency, [positions, half], for positions from 0.
struct RotaryTable {
  int64_t positions = 0, half = 0;
  const float* frequency = nullptr;  // [half]
  float* cos = nullptr;
  float* sin = nullptr;
};

// Rotary angles. Tables are [positions, head_dim / 2].
struct Rotation {
  const int32_t* positions = nullptr;  // [rows]
  const float* cos = nullptr;
  const float* sin = nullptr;
  float sign = 1;  // -1 rotates back
};

// Rotates `heads` heads of every row in place (halves layout).
struct Rotate {
  int64_t rows = 0, heads = 0, head_dim = 0;
  Output x{};
  Rotation rotation{};
};

enum class Activation : int { kSwiglu, kGegluTanh, kGeluTanh };

// out = activation(gate) * up, with x = gate | up in every row; or activation(x) (kGeluTanh).
struct Activate {
  Activation activation = Activation::kSwiglu;
  int64_t rows = 0, width = 0;  // of out
  Input x{};
  Output out{};
};
struct ActivateBackward {
  Activation activation = Activation::kSwiglu;
  int64_t rows = 0, width = 0;  // of grad
  Input grad{};
  Input x{};
  Output grad_x{};  // may be x
};

// to = a + b. A stride of 0 repeats a row. `to` may be a or b.
struct Add {
  int64_t rows = 0, width = 0;
  Input a{};
  Input b{};
  Output to{};
};

// to += factor * from. `to` is float32.
struct Accumulate {
  int64_t rows = 0, width = 0;
  Input from{};
  float factor = 1;
  Output to{};
};

// to = factor * from. `from` is float32.
struct Convert {
  int64_t rows = 0, width = 0;
  Input from{};
  float factor = 1;
  Output to{};
};

// Sets memory to zeros.
struct Clear {
  int64_t bytes = 0;
  void* data = nullptr;
};

inline constexpr int kMaxStores = 8;   // sources of one gather
inline constexpr int kMaxColumns = 3;  // tensors that one gather copies
inline constexpr int kMaxParts = 16;   // of attention

// Copies rows: row i of column c is row `row[i]` of its source `store[i]`.
struct GatherRows {
  struct Column {
    Input sources[kMaxStores]{};
    int64_t width = 0;
    Output to{};
  };
  int64_t rows = 0;
  int columns = 1;
  const int32_t* store = nullptr;     // [rows], or null: all from source 0
  const int32_t* row = nullptr;       // [rows], or null: rows in order
  const int64_t* long_row = nullptr;  // in the place of `row`
  Column column[kMaxColumns]{};
};

// Sets rows whose mask is 0 to zeros.
struct MaskRows {
  int64_t rows = 0, width = 0;
  const int32_t* mask = nullptr;  // [rows]
  Output x{};
};

// Sets row index[i] to row i, and all other rows to zeros.
struct ExpandRows {
  int64_t rows = 0, width = 0, from_rows = 0;
  const int64_t* index = nullptr;  // [from_rows], ascending
  Input from{};
  Output to{};
};

// Sets row index[i] of `to` to row i.
struct PutRows {
  int64_t rows = 0, width = 0;
  const int64_t* index = nullptr;  // [rows]
  Input from{};
  Output to{};
};

// to[h][i] = from[h][column[i]], float32: the log-sum-exp of some queries.
struct GatherColumns {
  int64_t heads = 0, from_columns = 0, columns = 0;
  const float* from = nullptr;      // [heads, from_columns]
  const int32_t* column = nullptr;  // [columns]
  float* to = nullptr;              // [heads, columns]
};

// Merges the parts of attention of each query by their log-sum-exp, in float32.
struct Merge {
  struct Part {
    Input output{};                  // [rows, heads * head_dim]
    const float* lse = nullptr;      // [heads, rows]
    int64_t rows = 0;                // queries of this part
    const int32_t* place = nullptr;  // [queries]: row of the query in this part, -1: none
  };
  int64_t queries = 0, heads = 0, head_dim = 0;
  int parts = 0;
  Part part[kMaxParts]{};
  Output output{};       // [queries, heads * head_dim]
  float* lse = nullptr;  // [heads, queries]
};

// Sums the gradients that the parts of attention found for rows of queries, keys or values: row r
// of section s is the sum of row place[e] of source part[e], for e in [first[r], first[r + 1]).
// Then adds `later` and, in sections that ask for it, rotates (back, for a gradient).
struct SumGradients {
  struct Section {
    int64_t heads = 0;
    Input sources[kMaxParts]{};      // [.., heads * head_dim]
    const int32_t* first = nullptr;  // [rows + 1]
    const int32_t* part = nullptr;
    const int32_t* place = nullptr;
    Input later{};  // float32; may be null or the output
    bool rotates = false;
    Output to{};  // the storage type, or float32 with `wide`
  };
  int64_t rows = 0, head_dim = 0;  // head_dim is even
  int sections = 0;
  bool wide = false;
  Section section[3]{};
  Rotation rotation{};
};

// Attention over sequences of queries, each of which sees a sequence of keys, in plain arithmetic:
// for float32, windows and softcaps. Results of queries that see no key are 0, with a log-sum-exp
// of minus infinity.
inline constexpr int kDenseQueries = 8;  // of a tile
inline constexpr int kDenseKeys = 16;
struct DenseAttention {
  int64_t heads = 0, kv_heads = 0, head_dim = 0, query_count = 0;
  float scale = 1;
  float softcap = 0;    // 0: none
  int64_t window = 0;   // 0: none; else positions of a query and its keys differ by less
  bool causal = false;  // the last query sees all keys of its sequence, the one before one less
  Input queries{};      // [queries, heads * head_dim]
  Input keys{}, values{};
  const int32_t* query_ends = nullptr;      // [sequences + 1]
  const int32_t* key_ends = nullptr;        // [sequences + 1]
  const int32_t* query_position = nullptr;  // [queries]
  const int32_t* key_position = nullptr;    // [sequences], of the first key
  int64_t query_tile_count = 0, key_tile_count = 0;
  const int32_t* query_tiles = nullptr;  // [tiles, 2]: sequence, first query
  const int32_t* key_tiles = nullptr;    // [tiles, 2]: sequence, first key
  Output output{};                       // of backward an input, merged, as is lse
  float* lse = nullptr;                  // [heads, queries]
  // Backward only.
  Input grad{};
  Output grad_queries{}, grad_keys{}, grad_values{};
};

// Rows of the first layer's input: the token's row of the table times `scale`, or a row of a soft
// prompt (float32), plus the row of the learned positions if there are any.
struct Embed {
  int64_t rows = 0, width = 0;
  const int32_t* source = nullptr;  // [rows]: id within the table; -1: zeros; -2 - i: prompt row i
  Input table{};
  float scale = 1;
  float prompt_scale = 1;
  int prompts = 0;
  const float* prompt[kMaxStores] = {};   // contiguous
  int64_t prompt_first[kMaxStores] = {};  // of the rows of all prompts, the prompt's first
  Input positions_table{};                // may be null
  const int32_t* positions = nullptr;     // [rows]
  Output to{};
};

// The numbers of every row of logits, for a part of the vocabulary that begins at id `first_id`,
// after the softcap (0: none):
//   numbers = normalisers [rows] | largest [rows] | likeliest ids [rows] | target logits [targets]
// A target that is not in the part has 0. Targets are sorted by row.
struct ScoreRows {
  int64_t rows = 0, columns = 0, targets = 0;
  Input logits{};
  float softcap = 0;
  int64_t first_id = 0;
  const int32_t* first_target = nullptr;  // [rows + 1]
  const int64_t* target_id = nullptr;     // [targets]
  double* numbers = nullptr;
};

// Combines the numbers of all parts of the vocabulary, [parts, 3 rows + targets].
struct CombineScores {
  int64_t rows = 0, targets = 0, parts = 0;
  const int32_t* first_target = nullptr;
  const double* numbers = nullptr;
  double* normalisers = nullptr;     // [rows]
  float* log_likelihoods = nullptr;  // [targets]
  int64_t* argmax = nullptr;         // [targets]
};

// Turns logits into d loss / d logits, in place: the targets' gradients at their logits, minus the
// probability times the row's sum of them, times the slope of the softcap.
struct LogitGradient {
  int64_t rows = 0, columns = 0;
  Output logits{};
  float softcap = 0;
  int64_t first_id = 0;
  const int32_t* first_target = nullptr;
  const int64_t* target_id = nullptr;
  const double* grad = nullptr;         // [targets]
  const double* normalisers = nullptr;  // [rows]
};

// to[index[i]] = from[i]
struct ScatterNumbers {
  int64_t count = 0;
  const float* from = nullptr;
  const int64_t* index = nullptr;
  double* to = nullptr;
};
// to[i] = from[index[i]]
struct GatherNumbers {
  int64_t count = 0;
  const double* from = nullptr;
  const int64_t* index = nullptr;
  double* to = nullptr;
};

// loss = sum of -weight * log-likelihood over the targets whose weight is not 0, and its gradient.
struct TokenLoss {
  int64_t targets = 0;
  const double* weight = nullptr;           // [targets]
  const double* log_likelihoods = nullptr;  // [targets]
  double* loss = nullptr;
  double* gradient = nullptr;  // [targets]
};

// loss = sum over the groups of candidates of the cross-entropy of the group's gold candidate, and
// its gradient. A candidate's logit is the sum of the log-likelihoods of its targets. Candidates
// are numbered over all groups.
struct CandidateLoss {
  int64_t groups = 0, candidates = 0, targets = 0;
  int64_t used_targets = 0;                  // later ones are of no candidate
  const int32_t* gold = nullptr;             // [groups]: the gold candidate
  const int32_t* first_candidate = nullptr;  // [groups + 1]
  const int32_t* first_target = nullptr;     // [candidates + 1]: into target_of
  const int32_t* target_of = nullptr;        // targets of each candidate
  const int32_t* first_use = nullptr;        // [used_targets + 1]: into candidate_of
  const int32_t* candidate_of = nullptr;     // candidates of each target
  const double* log_likelihoods = nullptr;   // [targets]
  double* slopes = nullptr;                  // [candidates]: d loss / d logit
  double* loss = nullptr;
  double* gradient = nullptr;  // [targets]
};

// Whether groups of prompts have a finite loss and gradient.
struct CheckFinite {
  int64_t groups = 0, prompts = 0;  // of a group
  const double* totals = nullptr;   // [groups, 2]: sum of losses, count
  const double* squares = nullptr;  // [groups, prompts]: of the gradients
  double* group_squares = nullptr;  // [groups]: their sums
  double* not_finite = nullptr;     // [groups]: 1 or 0
};

// Decides which prompts are updated: those of groups with finite numbers that have examples.
// Writes the numbers of a step. With several groups they are sums over the finite ones.
struct DecideUpdates {
  int64_t groups = 0, prompts = 0;        // of a group
  const double* not_finite = nullptr;     // [groups]: of how many ranks; 0: finite
  const double* group_squares = nullptr;  // [groups]
  const double* group_totals = nullptr;   // [groups, 2]
  const double* prompt_totals = nullptr;  // [groups * prompts, 2], or null: all have examples
  double* totals = nullptr;               // sum of losses, count; may be group_totals of one group
  double* squares = nullptr;
  double* none_finite = nullptr;  // 1 or 0
  bool* learns = nullptr;         // [groups * prompts]
};

// Counts a step of each group of parameters that learns.
struct CountSteps {
  int64_t groups = 0;
  const bool* learns = nullptr;  // [groups]
  int64_t* steps = nullptr;      // [groups]
  bool* rests = nullptr;         // [groups]: the opposite of learns
  double* counts = nullptr;      // [groups]: steps; at least 1
};

// x /= *divisor, in float32.
struct Divide {
  int64_t count = 0;
  float* x = nullptr;
  const double* divisor = nullptr;
};

// A parameter, its gradient and state, all float32 and contiguous. If `rests` is true nothing
// changes but the gradient, which is set to 0.
struct AdamW {
  int64_t count = 0;
  float* value = nullptr;
  float* grad = nullptr;
  float* mean = nullptr;
  float* square = nullptr;
  const bool* rests = nullptr;
  const double* step = nullptr;  // number of this step, from 1
  double learning_rate = 0, beta1 = 0, beta2 = 0, eps = 0, weight_decay = 0;
};

// As AdamW. Second moments are `full`, or for a matrix [rows, columns] their means over columns
// (`row`) and over rows (`column`). Up to six launches. `scratch` [kAdafactorScratch + rows]
// float32.
inline constexpr int64_t kAdafactorScratch = 1024;
struct Adafactor {
  int64_t rows = 0, columns = 0;
  float* value = nullptr;
  float* grad = nullptr;
  float* row = nullptr;
  float* column = nullptr;
  float* full = nullptr;
  float* scratch = nullptr;
  const bool* rests = nullptr;
  const double* step = nullptr;
  double learning_rate = 0, decay_rate = 0, eps = 0, weight_decay = 0;
  double clipping_threshold = 0;  // 0: none
  double least_scale = 0;         // with scaled_by_value
  bool scaled_by_value = false;
};

// As AdamW, without step. `velocity` is null without momentum.
struct Sgd {
  int64_t count = 0;
  float* value = nullptr;
  float* grad = nullptr;
  float* velocity = nullptr;
  const bool* rests = nullptr;
  double learning_rate = 0, momentum = 0, weight_decay = 0;
  bool nesterov = false;
};

// Adds the sum of the squares, in float64, to `sum`. Two launches. `scratch` [kSquareBlocks].
inline constexpr int kSquareBlocks = 256;
struct SumOfSquares {
  int64_t count = 0;
  const float* values = nullptr;
  double* scratch = nullptr;
  double* sum = nullptr;
};

// Multiplies the values by max_norm / (sqrt(squares) + 1e-6) where that is below 1, as torch's
// clip_grad_norm_ does.
struct ClipByNorm {
  int64_t count = 0;
  float* values = nullptr;
  const double* squares = nullptr;
  double max_norm = 0;
};

struct Table {
  int version = kTableVersion;
  // Returns a message about the last failed launch of this thread, or null, and forgets it.
  const char* (*last_error)() = nullptr;
  void (*norm)(const Launch&, const Norm&) = nullptr;
  void (*norm_backward)(const Launch&, const NormBackward&) = nullptr;
  void (*rotary_table)(const Launch&, const RotaryTable&) = nullptr;
  void (*rotate)(const Launch&, const Rotate&) = nullptr;
  void (*activate)(const Launch&, const Activate&) = nullptr;
  void (*activate_backward)(const Launch&, const ActivateBackward&) = nullptr;
  void (*add)(const Launch&, const Add&) = nullptr;
  void (*accumulate)(const Launch&, const Accumulate&) = nullptr;
  void (*convert)(const Launch&, const Convert&) = nullptr;
  void (*clear)(const Launch&, const Clear&) = nullptr;
  void (*gather_rows)(const Launch&, const GatherRows&) = nullptr;
  void (*mask_rows)(const Launch&, const MaskRows&) = nullptr;
  void (*expand_rows)(const Launch&, const ExpandRows&) = nullptr;
  void (*put_rows)(const Launch&, const PutRows&) = nullptr;
  void (*gather_columns)(const Launch&, const GatherColumns&) = nullptr;
  void (*merge)(const Launch&, const Merge&) = nullptr;
  void (*sum_gradients)(const Launch&, const SumGradients&) = nullptr;
  void (*dense_forward)(const Launch&, const DenseAttention&) = nullptr;
  void (*dense_backward)(const Launch&, const DenseAttention&) = nullptr;  // two launches
  void (*embed)(const Launch&, const Embed&) = nullptr;
  void (*score_rows)(const Launch&, const ScoreRows&) = nullptr;
  void (*combine_scores)(const Launch&, const CombineScores&) = nullptr;
  void (*logit_gradient)(const Launch&, const LogitGradient&) = nullptr;
  void (*scatter_numbers)(const Launch&, const ScatterNumbers&) = nullptr;
  void (*gather_numbers)(const Launch&, const GatherNumbers&) = nullptr;
  void (*token_loss)(const Launch&, const TokenLoss&) = nullptr;
  void (*candidate_loss)(const Launch&, const CandidateLoss&) = nullptr;
  void (*check_finite)(const Launch&, const CheckFinite&) = nullptr;
  void (*decide_updates)(const Launch&, const DecideUpdates&) = nullptr;
  void (*count_steps)(const Launch&, const CountSteps&) = nullptr;
  void (*divide)(const Launch&, const Divide&) = nullptr;
  void (*adamw)(const Launch&, const AdamW&) = nullptr;
  void (*adafactor)(const Launch&, const Adafactor&) = nullptr;
  void (*sgd)(const Launch&, const Sgd&) = nullptr;
  void (*sum_of_squares)(const Launch&, const SumOfSquares&) = nullptr;
  void (*clip_by_norm)(const Launch&, const ClipByNorm&) = nullptr;
};

}  // namespace incipit::kernels::cuda
