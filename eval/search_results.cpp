#include "eval/search_results.h"

namespace incipit::eval {

std::vector<WordGain> word_gains(const std::string& split, const WordAnswers& search,
                                 const WordAnswers& control) {
  std::vector<WordGain> gains;
  gains.push_back({split, "loss", PairedBootstrap({search.losses, control.losses}).gain(1, 0)});
  if (!search.right.empty()) {
    gains.push_back({split, "accuracy", PairedBootstrap({search.right, control.right}).gain(0, 1)});
  }
  return gains;
}

}  // namespace incipit::eval
