#include "data/example_key.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <concepts>
#include <cstring>
#include <type_traits>

#include "core/error.h"
#include "core/sha256.h"
#include "data/store_file.h"

namespace incipit::data {
namespace {

namespace fs = std::filesystem;

// Values, each with its length, so that different lists never give the same bytes.
class KeyText {
 public:
  void add(std::string_view text) {
    text_ += std::to_string(text.size());
    text_ += ':';
    text_ += text;
  }
  void add(const std::string& text) { add(std::string_view(text)); }
  void add(const char* text) { add(std::string_view(text)); }
  template <std::integral T>
  void add(T value) {
    add(std::string_view(std::to_string(value)));
  }
  template <typename T>
  requires std::is_enum_v<T>
  void add(T value) { add(static_cast<std::int64_t>(value)); }
  template <typename A, typename B>
  void add(const std::pair<A, B>& pair) {
    add(pair.first);
    add(pair.second);
  }
  template <typename T>
  void add(const std::optional<T>& value) {
    add(value.has_value());
    if (value) add(*value);
  }
  template <typename T>
  void add(const std::vector<T>& values) {
    add(values.size());
    for (const T& value : values) add(value);
  }
  // Structs are decomposed completely, so that a new member does not compile until it is added
  // here.
  void add(const VerbalizerEntry& entry) {
    const auto& [label, text] = entry;
    add_all(label, text);
  }
  void add(const ForeachOptions& each) {
    const auto& [name, path] = each;
    add_all(name, path);
  }
  void add(const CandidateOptions& candidates) {
    const auto& [each, text, label] = candidates;
    add_all(each, text, label);
  }
  void add(const TruncateOptions& truncate) {
    const auto& [kind, field] = truncate;
    add_all(kind, field);
  }
  void add(const SpecialTokens& special) {
    // All but what only generation reads.
    const auto& [bos, eos, adds_bos, stops, repetition_penalty, unread, sampling] = special;
    add_all(bos, eos, adds_bos, stops);
  }
  void add(const ChatFormat::Around& around) {
    const auto& [before, after, trim] = around;
    add_all(before, after, trim);
  }
  void add(const ChatFormat& chat) {
    const auto& [name, begin, default_system, system, user, user_after_system, assistant,
                 generation_prompt, multi_turn] = chat;
    add_all(name, begin, default_system, system, user, user_after_system, assistant,
            generation_prompt, multi_turn);
  }
  void add(const TaskOptions& options);

  template <typename... T>
  void add_all(const T&... values) {
    (add(values), ...);
  }

  [[nodiscard]] std::string digest() const { return sha256_hex(std::as_bytes(std::span(text_))); }

 private:
  std::string text_;
};

// All options except those for file names, measuring, answering and warnings. Anyone who adds an
// option decides here.
void KeyText::add(const TaskOptions& options) {
  const auto& [name, data_dir, train, validation, test,  // the file is in the key
               preprocess, foreach, train_foreach, train_where, kind, format, source_prefix,
               source_template, verbalizer, candidates, target, separator, system, labels,
               label_field, text_field, id_fields, group_field, metric_group, references,
               max_source_tokens, truncate, bos, eos, prompt_file, shots, shot_choice, shot_seed,
               shot_lines, shot_separator, answer, score, answer_rule, max_answer_tokens,
               answer_stop, metrics, submission, on_bad_record, max_bad_records, on_overlap] =
      options;
  add_all(preprocess, foreach, train_foreach, train_where, kind, format, source_prefix,
          source_template, verbalizer, candidates, target, separator, system, labels, label_field,
          text_field, id_fields, group_field, metric_group, references, max_source_tokens, truncate,
          bos, eos,
          has_prefix(options),  // a chat's opening then precedes them
          answer, answer_rule, on_bad_record, max_bad_records,
          std::count(metrics.begin(), metrics.end(), "numeric_match") > 0);  // rejects records
}

// Another build may read the same file differently, so it has another key.
void add_program(KeyText& text) {
  struct stat status {};
  if (::stat("/proc/self/exe", &status) != 0) return;
  text.add_all(status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

void add_file(KeyText& text, const fs::path& path) {
  struct stat status {};
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error || ::stat(real.c_str(), &status) != 0) {
    throw DataError(path.string() +
                    ": cannot open: " + (error ? error.message() : std::strerror(errno)));
  }
  // The time of status change cannot be set back, unlike that of modification. The device is left
  // out because it differs between machines.
  text.add_all(real.string(), status.st_ino, status.st_size, status.st_mtim.tv_sec,
               status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

}  // namespace

std::string example_key(const Task& task, const fs::path& path, const ReadAs& as) {
  KeyText text;
  text.add(kStoreVersion);
  add_program(text);
  add_file(text, path);
  text.add_all(as.labelled, as.training);
  text.add_all(task.options(), task.model().special, task.model().chat,
               task.tokenizer().fingerprint(), task.model().max_positions, task.model().vocab_size);
  return text.digest();
}

std::string text_format_key(const TaskModel& model) {
  KeyText text;
  text.add_all(model.special, model.chat);
  return text.digest();
}

}  // namespace incipit::data
