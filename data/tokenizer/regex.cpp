#include "data/tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdexcept>

#include "core/check.h"
#include "core/error.h"
#include "data/tokenizer/unicode.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

constexpr std::size_t kJitStackStart = std::size_t{32} << 10;
constexpr std::size_t kJitStackLimit = std::size_t{64} << 20;

std::string error_text(int code) {
  PCRE2_UCHAR buffer[256] = {};
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

// The objects a thread needs to run any pattern.
struct MatchMemory {
  MatchMemory()
      : data(pcre2_match_data_create(1, nullptr)),
        context(pcre2_match_context_create(nullptr)),
        stack(pcre2_jit_stack_create(kJitStackStart, kJitStackLimit, nullptr)) {
    INCIPIT_CHECK(data != nullptr && context != nullptr && stack != nullptr, "out of memory");
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~MatchMemory() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
  MatchMemory(const MatchMemory&) = delete;
  MatchMemory& operator=(const MatchMemory&) = delete;

  pcre2_match_data* data;
  pcre2_match_context* context;
  pcre2_jit_stack* stack;
};

MatchMemory& match_memory() {
  thread_local MatchMemory memory;
  return memory;
}

}  // namespace

struct Regex::Code {
  explicit Code(const std::string& pattern) {
    pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
    INCIPIT_CHECK(context != nullptr, "out of memory");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    int error = 0;
    PCRE2_SIZE offset = 0;
    pattern_code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                 PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &offset, context);
    pcre2_compile_context_free(context);
    if (pattern_code == nullptr) throw std::invalid_argument(error_text(error));
    jit = pcre2_jit_compile(pattern_code, PCRE2_JIT_COMPLETE) == 0;
  }
  ~Code() { pcre2_code_free(pattern_code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;

  // Finds a match at or after `from`; returns whether there is one, and its bounds.
  bool search(std::string_view text, std::size_t from, std::size_t& begin, std::size_t& end) const {
    MatchMemory& memory = match_memory();
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    const int found = jit ? pcre2_jit_match(pattern_code, subject, text.size(), from, 0,
                                            memory.data, memory.context)
                          : pcre2_match(pattern_code, subject, text.size(), from,
                                        PCRE2_NO_UTF_CHECK, memory.data, memory.context);
    if (found == PCRE2_ERROR_NOMATCH) return false;
    if (found < 0) {
      throw DataError("the tokenizer's pattern failed on a text of " + std::to_string(text.size()) +
                      " bytes: " + error_text(found));
    }
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(memory.data);
    begin = bounds[0];
    end = bounds[1];
    return true;
  }

  pcre2_code* pattern_code = nullptr;
  bool jit = false;
};

Regex::Regex(std::string_view pattern)
    : code_(std::make_unique<Code>(translate_pattern(pattern))) {}
Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

void Regex::find_spans(std::string_view text, std::vector<Span>& spans) const {
  spans.clear();
  std::string older;
  if (!is_ascii(text) && has_newer_characters(text)) {
    older = with_older_relatives(text);
    text = older;
  }
  const auto add = [&](std::size_t begin, std::size_t end, bool match) {
    spans.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), match});
  };
  std::size_t covered = 0;  // end of the last match
  bool matched = false;
  std::size_t begin = 0;
  std::size_t end = 0;
  for (std::size_t from = 0; from <= text.size();) {
    if (!code_->search(text, from, begin, end)) break;
    if (begin == end && matched && end == covered) {
      from = end + (end < text.size() ? utf8_length(text[end]) : 1);
      continue;
    }
    if (covered != begin) add(covered, begin, false);
    add(begin, end, true);
    covered = from = end;
    matched = true;
  }
  if (covered != text.size()) add(covered, text.size(), false);
}

}  // namespace incipit::data
