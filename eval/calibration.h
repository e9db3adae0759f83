// How far the probabilities of scored answers can be trusted, and how likely the model is to say
// one of them.
#pragma once

#include <span>

#include "eval/content_free.h"

namespace incipit::eval {

// Returns the mean over the examples of the probability that the model says one of the candidates.
// `likelihoods` are log-likelihoods, [examples][candidates]. 0 without examples.
[[nodiscard]] double candidate_mass(const Likelihoods& likelihoods);

// Returns the expected calibration error (Guo et al. 2017) with ten bins of equal width: the mean
// difference between confidence and share of right answers, weighted by the examples of a bin. An
// example's confidence is the highest softmax of its row; a label below 0 counts as a wrong answer.
// `labels` has one entry per row. 0 without examples.
[[nodiscard]] double calibration_error(const Likelihoods& scores, std::span<const int> labels);

}  // namespace incipit::eval
