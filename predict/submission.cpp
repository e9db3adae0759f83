#include "predict/submission.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/check.h"
#include "core/error.h"
#include "core/json.h"
#include "core/text.h"
#include "data/answer_text.h"

namespace incipit::predict {
namespace {

using Json = nlohmann::ordered_json;
using Form = data::SubmissionOptions::Form;

bool is_integer(const std::string& text) {
  return !text.empty() && text.size() < 10 &&
         text.find_first_not_of("0123456789") == std::string::npos;
}

[[noreturn]] void fail(const Prediction& prediction, const std::string& message) {
  if (prediction.record != nullptr) prediction.record->fail(message);
  throw DataError(message);
}

// Returns the element of `list` for the last id of `path`, adding it at the end if it is new.
Json& child(Json& list, std::map<std::vector<std::string>, std::size_t>& places,
            const std::vector<std::string>& path) {
  const auto [place, is_new] = places.emplace(path, list.size());
  if (is_new) list.push_back(Json{{"idx", parse_json<Json>(path.back())}});
  return list[place->second];
}

}  // namespace

Submission::Submission(const data::Task& task)
    : options_(task.options().submission), labels_(task.labels()), free_(task.labels().empty()) {
  if (options_.file.empty()) {
    throw ConfigError("task.submission.file: is missing: name the submission file of this task");
  }
  const bool numbers = options_.form == Form::kInteger || options_.form == Form::kNested;
  if (numbers && (free_ || !std::all_of(labels_.begin(), labels_.end(), is_integer))) {
    throw ConfigError(
        "task.submission.form: writes labels as integers, and the task's labels are " +
        (free_ ? "free texts" : join(labels_)));
  }
  INCIPIT_CHECK(options_.form != Form::kNested || task.options().id_fields.size() == 3,
                "validate(TaskOptions) lets no other number pass");
}

std::string Submission::label_of(const Prediction& prediction) {
  if (free_) return std::string(data::stripped(*prediction.answer));
  if (prediction.is_label) return *prediction.answer;
  ++replaced_;
  return labels_.front();
}

std::string Submission::json_label(const std::string& label) const {
  switch (options_.form) {
    case Form::kText:
      return dump_json(Json(label));
    case Form::kCapitalised: {
      std::string text = label;
      if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] -= 'a' - 'A';
      return dump_json(Json(text));
    }
    case Form::kInteger:
    case Form::kNested:
      return label;
  }
  throw LogicError("unknown form of a submission");
}

void Submission::add(const Prediction& prediction) {
  if (!prediction.answer) throw DataError(prediction.error);
  if (!prediction.has_id) {
    fail(prediction, "the example has no id (task.id_field); expected one for every answer");
  }
  const Json id = parse_json<Json>(prediction.id);
  Answer answer{.ids = {}, .label = json_label(label_of(prediction))};
  if (options_.form == Form::kNested) {
    for (const Json& part : id) answer.ids.push_back(dump_json(part));
  } else {
    answer.ids.push_back(id.is_array() ? dump_json(id.back()) : dump_json(id));
  }
  if (!seen_.insert(answer.ids).second) {
    fail(prediction, "an earlier example has the same id, " + join(answer.ids));
  }
  answers_.push_back(std::move(answer));
}

std::string Submission::text() const {
  if (answers_.empty()) throw DataError("there are no examples to answer");
  if (options_.form == Form::kNested) return nested_text();
  std::string text;
  for (const Answer& answer : answers_) {
    text += R"({"idx":)" + answer.ids.front() + R"(,"label":)" + answer.label + "}\n";
  }
  return text;
}

std::string Submission::nested_text() const {
  Json passages = Json::array();
  std::map<std::vector<std::string>, std::size_t> places;
  for (const auto& [ids, label] : answers_) {
    Json& passage = child(passages, places, {ids[0]});
    Json& question = child(passage["passage"]["questions"], places, {ids[0], ids[1]});
    Json& answer = child(question["answers"], places, ids);
    answer["label"] = parse_json<Json>(label);
  }
  std::string text;
  for (const Json& passage : passages) text += dump_json(passage) + "\n";
  return text;
}

}  // namespace incipit::predict
