#include "trainer/diagnosis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <numeric>

#include "core/check.h"

namespace incipit::trainer {
namespace {

constexpr std::size_t kLargestWindow = 50;
constexpr double kNearlyAll = 0.95;  // share of predictions that counts as "one label is predicted"
// Relative to the label-prior loss. Single batches are noisy; means over a window are much less so.
constexpr double kClearlyBelow = 0.95;
constexpr double kClearlyAbove = 1.15;
constexpr double kRise = 1.3;          // loss over its lowest value: a rise, not noise
constexpr std::size_t kFewSteps = 10;  // too few to detect a rise
constexpr double kStillFalling = 0.9;  // relative to the loss at the beginning

std::string number(const char* format, double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}
std::string loss_text(double loss) { return number("%.3f", loss); }
std::string share_text(double share) { return number("%.2f", share); }
std::string rate_text(double rate) { return number("%.2g", rate); }
std::string quoted(const std::string& label) { return "'" + label + "'"; }

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Returns a text that fits into a sentence.
std::string shortened(const std::string& text) {
  constexpr std::size_t kMost = 40;
  std::string line = text.substr(0, text.find('\n'));
  if (line.size() > kMost) {
    std::size_t end = kMost;
    while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
    line.resize(end);
  }
  return line.size() == text.size() ? line : line + " ...";
}

// A score on the validation split beside that of a constant answer.
struct Compared {
  std::string metric;
  double score = 0;
  data::Interval interval;
  double baseline = 0;
  std::string constant;
};

// The most frequent label and its count. Label -1: an answer that is not one of the labels.
struct Most {
  int label = 0;
  std::int64_t count = 0;
};
Most most_frequent(std::span<const int> labels) {
  std::map<int, std::int64_t> counts;
  for (const int label : labels) ++counts[label];
  Most most;
  for (const auto& [label, count] : counts) {
    if (count > most.count) most = {label, count};
  }
  return most;
}

// Statistics of the finite losses, smoothed over a window.
struct Course {
  std::size_t finite = 0;  // number of finite losses
  std::size_t nonfinite = 0;
  std::size_t window = 0;
  double first = 0;
  double last = 0;
  double lowest = 0;
  std::size_t lowest_at = 0;  // the last step of the lowest window

  [[nodiscard]] bool known() const { return window > 0; }
  // The loss rose clearly above its lowest, and ended above its start or above twice its lowest.
  [[nodiscard]] bool rose() const {
    return finite >= kFewSteps && last > kRise * lowest && (last > first || last > 2 * lowest);
  }
};

Course course_of(const std::vector<double>& losses) {
  Course course;
  std::vector<double> finite;
  std::copy_if(losses.begin(), losses.end(), std::back_inserter(finite),
               [](double loss) { return std::isfinite(loss); });
  course.finite = finite.size();
  course.nonfinite = losses.size() - finite.size();
  if (finite.empty()) return course;
  course.window = std::clamp<std::size_t>(finite.size() / 5, 1, kLargestWindow);
  const std::span<const double> all(finite);
  course.first = mean(all.first(course.window));
  course.last = mean(all.last(course.window));
  course.lowest = course.first;
  course.lowest_at = course.window;
  for (std::size_t end = course.window; end <= all.size(); ++end) {
    const double here = mean(all.subspan(end - course.window, course.window));
    if (here < course.lowest) {
      course.lowest = here;
      course.lowest_at = end;
    }
  }
  return course;
}

class Judge {
 public:
  explicit Judge(const Evidence& evidence)
      : evidence_(evidence), course_(course_of(evidence.losses)) {
    INCIPIT_CHECK(evidence.predictions.size() == evidence.answers.size(),
                  "as many predictions as answers");
    read_losses();
    read_predictions();
  }

  Diagnosis judge() {
    if (scored()) {
      judge_scores();
    } else {
      judge_losses();
    }
    if (diagnosis_.verdict != Verdict::kLearned) advise();
    return std::move(diagnosis_);
  }

 private:
  [[nodiscard]] bool scored() const { return !evidence_.answers.empty() || evidence_.free; }
  [[nodiscard]] bool diverged() const { return course_.nonfinite > 0 || course_.rose(); }
  [[nodiscard]] bool knows_prior() const {
    return course_.known() && evidence_.prior_loss && *evidence_.prior_loss > 0;
  }
  [[nodiscard]] bool guesses() const {
    return knows_prior() && course_.last > kClearlyBelow * *evidence_.prior_loss;
  }
  // The loss has hardly changed, and there is no label prior to compare it with.
  [[nodiscard]] bool stands_still() const {
    return course_.known() && !knows_prior() && course_.last > kStillFalling * course_.first;
  }

  void find(std::string sentence) { diagnosis_.findings.push_back(std::move(sentence)); }
  void conclude(Verdict verdict, std::string summary) {
    diagnosis_.verdict = verdict;
    diagnosis_.summary = std::move(summary);
  }

  void read_losses() {
    if (course_.nonfinite > 0) {
      find("the loss was not finite in " + std::to_string(course_.nonfinite) + " of " +
           std::to_string(evidence_.losses.size()) + " steps");
    }
    if (!course_.known()) return;
    Figures& figures = diagnosis_.figures;
    figures.first_loss = course_.first;
    figures.last_loss = course_.last;
    if (course_.rose()) {
      find("the loss rose to " + loss_text(course_.last) + "; it was " + loss_text(course_.lowest) +
           " around step " + std::to_string(course_.lowest_at));
    }
    if (!knows_prior()) return;
    const double prior = *evidence_.prior_loss;
    figures.prior_loss = prior;
    if (!guesses()) return;
    find("the loss " +
         std::string(course_.last > kClearlyAbove * prior ? "is still " : "stands at ") +
         loss_text(course_.last) + ": knowing only how often each label occurs gives " +
         loss_text(prior));
  }

  void read_free_answers() {
    const FreeAnswers& free = *evidence_.free;
    diagnosis_.figures.free = free;
    const auto most = static_cast<double>(free.examples) * kNearlyAll;
    if (free.examples < 2 || static_cast<double>(free.times_given) < most) return;
    one_label_ = std::to_string(free.times_given) + " of " + std::to_string(free.examples) +
                 " validation examples are answered " + quoted(shortened(free.given));
    find(*one_label_);
  }

  void read_predictions() {
    if (evidence_.free) read_free_answers();
    if (evidence_.answers.empty()) return;
    const auto size = static_cast<double>(evidence_.answers.size());
    Figures& figures = diagnosis_.figures;
    std::int64_t right = 0;
    for (std::size_t i = 0; i < evidence_.answers.size(); ++i) {
      right += evidence_.predictions[i] == evidence_.answers[i] ? 1 : 0;
    }
    figures.accuracy = static_cast<double>(right) / size;
    figures.accuracy_95 =
        data::wilson_interval(right, static_cast<std::int64_t>(evidence_.answers.size()));
    const Most majority = most_frequent(evidence_.answers);
    const Most predicted = most_frequent(evidence_.predictions);
    figures.majority_share = static_cast<double>(majority.count) / size;
    figures.majority_label = evidence_.labels.at(static_cast<std::size_t>(majority.label));
    figures.predicted_share = static_cast<double>(predicted.count) / size;
    if (predicted.label >= 0) {
      figures.predicted_label = evidence_.labels.at(static_cast<std::size_t>(predicted.label));
    }
    one_label_ = one_label_predicted(evidence_.predictions, evidence_.answers, evidence_.labels);
    if (one_label_) find(*one_label_);
  }

  [[nodiscard]] Compared compared() const {
    const Figures& figures = diagnosis_.figures;
    if (figures.free) {
      const FreeAnswers& free = *figures.free;
      return {free.metric, free.score, free.score_95, free.constant_score, free.constant};
    }
    return {"accuracy", *figures.accuracy, figures.accuracy_95, figures.majority_share,
            figures.majority_label};
  }

  void judge_scores() {
    const Compared scores = compared();
    const std::string score = "validation " + scores.metric + " " + share_text(scores.score) +
                              " (95 %: " + share_text(scores.interval.low) + " to " +
                              share_text(scores.interval.high) + ")";
    const std::string baseline = share_text(scores.baseline) + ", that of always answering " +
                                 quoted(shortened(scores.constant));
    if (scores.interval.low > scores.baseline) {
      conclude(Verdict::kLearned, "learned: " + score + " against " + baseline);
      return;
    }
    const bool above = scores.score > scores.baseline;
    find(score + (above ? " is not surely above " : " is not above ") + baseline);
    if (diverged()) {
      conclude(Verdict::kDiverged, "training went astray: the learning rate is too high");
    } else if (scores.interval.high < scores.baseline || one_label_ || guesses() ||
               (!above && stands_still())) {
      conclude(Verdict::kNotLearned, "nothing is being learned");
    } else {
      conclude(Verdict::kUndecided,
               above ? "perhaps something was learned: the validation split is too small to tell"
                     : "undecided: the validation split is too small to tell whether anything is "
                       "being learned");
    }
  }

  void judge_losses() {
    if (!course_.known() && course_.nonfinite == 0) {
      conclude(Verdict::kUndecided, "no step was made");
    } else if (diverged()) {
      conclude(Verdict::kDiverged, "training went astray: the learning rate is too high");
    } else if (knows_prior() ? guesses() : course_.last > kStillFalling * course_.first) {
      conclude(Verdict::kNotLearned, "nothing is being learned");
    } else {
      conclude(Verdict::kUndecided, "the train split is being learned (loss " +
                                        loss_text(course_.first) + " to " +
                                        loss_text(course_.last) +
                                        "); without a scored validation split nobody knows whether "
                                        "that holds for new examples");
    }
  }

  void advise() {
    const double rate = evidence_.train.optimizer.lr;
    const auto set = [&](const std::string& what, const std::string& override_text) {
      diagnosis_.advice.push_back(what + ": --set " + override_text);
    };
    if (evidence_.losses.empty()) return;
    if (diagnosis_.verdict == Verdict::kDiverged) {
      set("a lower learning rate (now " + rate_text(rate) + ")",
          "train.optimizer.lr=" + rate_text(rate / 3));
      if (evidence_.train.max_grad_norm == 0) {
        set("clipped gradients", "train.max_grad_norm=1");
      }
      return;
    }
    if (diagnosis_.verdict == Verdict::kUndecided) {
      diagnosis_.advice.emplace_back(scored() ? "a larger validation split: task.validation"
                                              : "a scored validation split: task.validation and "
                                                "train.eval_every above 0");
      return;
    }
    const std::string steps = evidence_.train.epochs > 0
                                  ? "train.epochs=" + rate_text(3 * evidence_.train.epochs)
                                  : "train.steps=" + std::to_string(3 * evidence_.train.steps);
    const bool falling = course_.known() && course_.last < kStillFalling * course_.first;
    if (falling && knows_prior() && course_.last > kClearlyAbove * *evidence_.prior_loss) {
      set("more steps, for the loss is still falling", steps);
    }
    set("a higher learning rate (now " + rate_text(rate) + ")",
        "train.optimizer.lr=" + rate_text(3 * rate));
    set("or a lower one", "train.optimizer.lr=" + rate_text(rate / 3));
    if (diagnosis_.advice.size() < 3) set("more steps", steps);
    if (!evidence_.labels.empty()) advise_on_labels();
  }

  // Whether the method has the initialiser class_labels and did not use it.
  [[nodiscard]] bool could_start_from_labels() const {
    methods::MethodOptions options = evidence_.method;
    const methods::InitKind used = methods::init_kind(options);
    if (used == methods::InitKind::kAuto) return false;  // a method without initial values
    options.init.kind = methods::InitKind::kClassLabels;
    options.init.text.clear();
    options.init.path.clear();
    return used != methods::InitKind::kClassLabels && methods::validate(options).empty();
  }

  void advise_on_labels() {
    if (could_start_from_labels()) {
      diagnosis_.advice.emplace_back(
          "a start from the labels' words: --set method.init.kind=class_labels");
    }
    if (evidence_.train.loss != Loss::kCandidates) {
      diagnosis_.advice.emplace_back("a loss over the labels alone: --set train.loss=candidates");
    }
    diagnosis_.advice.emplace_back(
        "a look at what the model reads, and whether you could tell the label from it: incipit "
        "show CONFIG --index 0");
    if (evidence_.shots == 0) {
      diagnosis_.advice.emplace_back(
          "solved examples before the input: --set task.shots=" +
          std::to_string(std::min<std::size_t>(8, 2 * evidence_.labels.size())));
    }
  }

  const Evidence& evidence_;
  const Course course_;
  std::optional<std::string> one_label_;
  Diagnosis diagnosis_;
};

}  // namespace

std::string verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kLearned:
      return "learned";
    case Verdict::kNotLearned:
      return "not_learned";
    case Verdict::kDiverged:
      return "diverged";
    case Verdict::kUndecided:
      break;
  }
  return "undecided";
}

double label_prior_loss(std::span<const LabelCount> labels, Loss loss) {
  double examples = 0;
  double tokens = 0;
  for (const LabelCount& label : labels) {
    examples += static_cast<double>(label.examples);
    tokens += static_cast<double>(label.examples * label.tokens);
  }
  double entropy = 0;
  for (const LabelCount& label : labels) {
    if (label.examples == 0) continue;
    const double share = static_cast<double>(label.examples) / examples;
    entropy -= share * std::log(share);
  }
  if (examples == 0) return 0;
  return loss == Loss::kCandidates ? entropy : entropy * examples / tokens;
}

std::optional<std::string> one_label_predicted(std::span<const int> predictions,
                                               std::span<const int> answers,
                                               std::span<const std::string> labels) {
  if (predictions.empty()) return std::nullopt;
  const Most most = most_frequent(predictions);
  const auto size = static_cast<double>(predictions.size());
  const auto true_count = std::count(answers.begin(), answers.end(), most.label);
  if (static_cast<double>(most.count) < kNearlyAll * size) return std::nullopt;
  if (static_cast<double>(true_count) >= kNearlyAll * size) return std::nullopt;
  const std::string answered = std::to_string(most.count) + " of " +
                               std::to_string(predictions.size()) +
                               " validation examples are answered ";
  if (most.label < 0) return answered + "with none of the labels";
  return answered + quoted(labels[static_cast<std::size_t>(most.label)]) + ", which " +
         std::to_string(true_count) + " are";
}

Diagnosis diagnose(const Evidence& evidence) { return Judge(evidence).judge(); }

}  // namespace incipit::trainer
