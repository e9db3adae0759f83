// What `incipit explain` finds out about a prompt. Torch-free.
//
// The nearest tokens of a soft prompt do not say what it does: a prompt can solve its task and be
// near the tokens of almost any other text (Khashabi et al. 2022, "Prompt Waywardness"). They are
// therefore given beside those of the initial values and of random vectors, with the change of the
// loss when a position is replaced by its nearest token.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/forest.h"

namespace incipit::explain {

// A token and its cosine, distance or probability.
struct RatedToken {
  TokenId id = 0;
  std::string text;
  double value = 0;
};

// Best first: the largest cosines, the smallest Euclidean distances.
struct Neighbours {
  std::vector<RatedToken> by_cosine;
  std::vector<RatedToken> by_distance;
};

// A position of the prompt. Differences of the loss are to that of the whole prompt, in nats.
struct Position {
  std::vector<double> attention;  // by layer: mean weight from the rows that predict the answers
  double removed = 0;             // difference without this position

  // Only of prompts that are rows of input.
  double norm = 0;
  Neighbours trained;
  std::optional<Neighbours> initial;  // of the values before training, where they are known
  Neighbours random;                  // of a random vector of the same length
  double snapped = 0;                 // difference with the nearest token by cosine in its place
  std::optional<double> patched;      // difference with the second prompt's row in its place
  std::vector<std::vector<RatedToken>> lens;  // by layer: the likeliest next tokens
};

// How alike two prompts are, position by position: prompts of several seeds, or before and after
// training.
struct Agreement {
  std::string first;
  std::string second;
  double cosine = 0;     // mean over positions
  double shared = 0;     // mean share of the nearest tokens that are the same
  double elsewhere = 0;  // the same between different positions: what chance gives
};

struct Point {
  std::string group;  // "vocabulary", or the name of a prompt
  std::string text;   // the token, or the position
  double x = 0;
  double y = 0;
};

// Principal components of some of the vocabulary with the rows of the prompts.
struct Projection {
  std::vector<Point> points;
  double explained = 0;  // share of the variance that the two components have
};

// A text and the mean divergence of the model's answers after it from those after the prompt.
struct RatedText {
  std::string text;
  double divergence = 0;  // KL(prompt || text) over the candidates, in nats
};

// The search for a text in the place of a prompt (explain/in_words.h).
struct InWords {
  RatedText found;
  RatedText start;   // what the search began with
  RatedText random;  // of the same number of tokens
};

struct Explanation {
  std::vector<std::string> adapters;  // the one that is explained, then the others
  std::string model;
  std::string split;
  std::int64_t examples = 0;
  std::string loss_name;  // "target_tokens", "candidates"
  bool deep = false;      // keys and values in every layer: no `Position` member of input rows

  double loss = 0;                     // with the whole prompt
  double loss_without = 0;             // without a prompt
  std::optional<double> loss_snapped;  // with every position replaced by its nearest token
  std::optional<double> loss_second;   // of the second prompt
  // Spearman's correlation between Position::removed on two halves of the examples.
  std::optional<double> split_half;
  std::vector<Position> positions;
  std::vector<Agreement> agreement;
  std::optional<Projection> projection;
  std::optional<InWords> in_words;
};

// The warning that goes with every list of nearest tokens.
inline constexpr const char* kWaywardness =
    "Nearest tokens do not show what a soft prompt does: a prompt can solve its task while its "
    "nearest tokens spell almost any other text (Khashabi et al. 2022). Read them beside those of "
    "the initial values and of random vectors, and see whether they agree between seeds.";

}  // namespace incipit::explain
