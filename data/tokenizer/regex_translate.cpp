// Translates Oniguruma to PCRE2. Constructs not listed here are rejected, so a pattern is either
// run with its exact meaning or not at all. Oniguruma: github.com/kkos/oniguruma, doc/RE and
// doc/SYNTAX.md; PCRE2: pcre2pattern(3).
#include <cctype>
#include <map>
#include <stdexcept>
#include <vector>

#include "data/tokenizer/regex.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

// The contents of a character class. PCRE2's own \s also has U+180E, and its \w lacks marks.
constexpr std::string_view kSpace =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"
    "\\x{202f}\\x{205f}\\x{3000}";
constexpr std::string_view kWord =
    "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";
constexpr std::string_view kHex = "0-9A-Fa-f";

const std::map<std::string, std::string, std::less<>>& long_names() {
  static const std::map<std::string, std::string, std::less<>> names = {
      {"letter", "L"},
      {"uppercaseletter", "Lu"},
      {"lowercaseletter", "Ll"},
      {"titlecaseletter", "Lt"},
      {"modifierletter", "Lm"},
      {"otherletter", "Lo"},
      {"mark", "M"},
      {"nonspacingmark", "Mn"},
      {"spacingmark", "Mc"},
      {"enclosingmark", "Me"},
      {"number", "N"},
      {"decimalnumber", "Nd"},
      {"letternumber", "Nl"},
      {"othernumber", "No"},
      {"punctuation", "P"},
      {"connectorpunctuation", "Pc"},
      {"dashpunctuation", "Pd"},
      {"openpunctuation", "Ps"},
      {"closepunctuation", "Pe"},
      {"initialpunctuation", "Pi"},
      {"finalpunctuation", "Pf"},
      {"otherpunctuation", "Po"},
      {"symbol", "S"},
      {"mathsymbol", "Sm"},
      {"currencysymbol", "Sc"},
      {"modifiersymbol", "Sk"},
      {"othersymbol", "So"},
      {"separator", "Z"},
      {"spaceseparator", "Zs"},
      {"lineseparator", "Zl"},
      {"paragraphseparator", "Zp"},
      {"other", "C"},
      {"control", "Cc"},
      {"format", "Cf"},
      {"surrogate", "Cs"},
      {"privateuse", "Co"},
      {"unassigned", "Cn"},
      {"alphabetic", "Alphabetic"},
      {"any", "Any"}};
  return names;
}

const std::map<std::string, std::string_view, std::less<>>& posix_classes() {
  static const std::map<std::string, std::string_view, std::less<>> classes = {
      {"alpha", "\\p{Alphabetic}"},
      {"alnum", "\\p{Alphabetic}\\p{Nd}"},
      {"digit", "\\p{Nd}"},
      {"space", kSpace},
      {"word", kWord},
      {"xdigit", kHex},
      {"upper", "\\p{Uppercase}"},
      {"lower", "\\p{Lowercase}"}};
  return classes;
}

// Maps the name of a property to PCRE2's; the rest are scripts.
std::string property(std::string_view name) {
  std::string key;
  for (const char c : name) {
    if (c == ' ' || c == '_' || c == '-') continue;
    key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  static constexpr std::string_view kCategories =
      " l lu ll lt lm lo m mn mc me n nd nl no p pc pd ps pe pi pf po s sm sc sk so z zs zl zp c "
      "cc cf cs co cn ";
  if (!key.empty() && kCategories.find(" " + key + " ") != std::string_view::npos) {
    key[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(key[0])));
    return key;
  }
  const auto known = long_names().find(key);
  return known != long_names().end() ? known->second : "sc:" + key;
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : in_(pattern) {}

  std::string run() {
    if (in_.substr(0, 4) == "(?i)") {  // elsewhere its scope differs between the two
      out_ += "(?i)";
      i_ = 4;
      caseless_ = true;
    }
    while (i_ < in_.size()) element();
    return std::move(out_);
  }

 private:
  [[noreturn]] static void refuse(const std::string& what) { throw std::invalid_argument(what); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return i_ + ahead < in_.size() ? in_[i_ + ahead] : '\0';
  }
  [[nodiscard]] bool starts(std::string_view word) const {
    return in_.substr(i_, word.size()) == word;
  }

  void element() {
    const char c = peek();
    if (c == '(') return open_group();
    if (c == ')') return close_group();
    if (c == '{') return interval();
    if (c == '*' || c == '+' || c == '?') {
      out_ += c;
      ++i_;
      return;
    }
    if (c == '|') {
      out_ += c;
      ++i_;
      literal_run_.clear();
      return;
    }
    atom_ = out_.size();
    if (c == '[') return character_class();
    if (c == '\\') return escape(/*in_class=*/false);
    if (c == '.' || c == '^' || c == '$') {
      out_ += c;
      ++i_;
      literal_run_.clear();
      return;
    }
    literal();
  }

  void open_group() {
    const std::size_t begin = out_.size();
    const bool outer = caseless_;
    static constexpr std::string_view kPlain[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};
    std::string_view opened;
    for (const std::string_view group : kPlain) {
      if (starts(group)) opened = group;
    }
    if (!opened.empty()) {
      out_ += opened;
      i_ += opened.size();
    } else if (peek(1) != '?') {
      out_ += "(?:";  // nothing refers to captured groups
      ++i_;
    } else {
      options();
    }
    groups_.push_back({begin, outer});
    literal_run_.clear();
  }

  // (?i: (?m: (?-i: and combinations. Oniguruma's m lets the dot match newlines.
  void options() {
    const std::size_t end = in_.find(':', i_);
    const std::string_view letters =
        in_.substr(i_ + 2, end == std::string_view::npos ? 0 : end - i_ - 2);
    if (letters.empty() || letters.find_first_not_of("im-") != std::string_view::npos) {
      refuse("the group '" + std::string(in_.substr(i_, 4)) + "...' is not supported");
    }
    out_ += "(?";
    bool on = true;
    for (const char letter : letters) {
      if (letter == '-') on = false;
      if (letter == 'i') caseless_ = on;
      out_ += letter == 'm' ? 's' : letter;
    }
    out_ += ':';
    i_ = end + 1;
  }

  void close_group() {
    if (groups_.empty()) refuse("unmatched ')'");
    atom_ = groups_.back().begin;
    caseless_ = groups_.back().outer_caseless;
    groups_.pop_back();
    out_ += ')';
    ++i_;
    literal_run_.clear();
  }

  // {n} {n,} {,m} {n,m}; anything else is a literal brace. A plus after it repeats the repetition
  // in Oniguruma, but makes it possessive in PCRE2.
  void interval() {
    std::size_t j = i_ + 1;
    const auto digits = [&] {
      const std::size_t begin = j;
      while (j < in_.size() && std::isdigit(static_cast<unsigned char>(in_[j])) != 0) ++j;
      return std::string(in_.substr(begin, j - begin));
    };
    const std::string low = digits();
    const bool comma = j < in_.size() && in_[j] == ',';
    if (comma) ++j;
    const std::string high = comma ? digits() : "";
    if (j >= in_.size() || in_[j] != '}' || (low.empty() && high.empty())) {
      atom_ = out_.size();
      return literal();
    }
    i_ = j + 1;
    const char next = peek();
    if (next == '?' && !comma) refuse("'{n}?' is not supported");
    const std::string text = "{" + (low.empty() ? "0" : low) + (comma ? "," : "") + high + "}";
    if (next == '+' || next == '*' || next == '{') {
      out_.insert(atom_, "(?:");
      out_ += text + ")";
    } else {
      out_ += text;
    }
  }

  void literal() {
    const std::size_t begin = i_;
    const char32_t code = next_char(in_, i_);
    put_literal(code, in_.substr(begin, i_ - begin));
  }

  void put_literal(char32_t code, std::string_view text) {
    check_caseless(code);
    if (code < 0x80 && std::ispunct(static_cast<int>(code)) != 0) out_ += '\\';
    out_ += text;
  }

  // Ignoring case, Oniguruma also matches one character with several ("ss" with the German sharp s,
  // "fi" with a ligature), which PCRE2 does not.
  void check_caseless(char32_t code) {
    if (!caseless_) return;
    if (code >= 0x80) refuse("a character beyond ASCII within (?i: is not supported");
    literal_run_ += static_cast<char>(std::tolower(static_cast<int>(code)));
    for (const std::string_view pair : {"ss", "ff", "fi", "fl", "st"}) {
      if (literal_run_.ends_with(pair)) {
        refuse("'" + std::string(pair) + "' within (?i: is not supported");
      }
    }
  }

  void character_class() {
    out_ += '[';
    ++i_;
    if (peek() == '^') {
      out_ += '^';
      ++i_;
    }
    if (peek() == ']') refuse("a character class that begins with ']' is not supported");
    while (peek() != ']') {
      if (i_ >= in_.size()) refuse("a character class is not closed");
      if (starts("&&")) refuse("an intersection of character classes ('&&') is not supported");
      if (starts("[:")) {
        posix_class();
      } else if (peek() == '[') {
        refuse("a character class within another is not supported");
      } else if (peek() == '\\') {
        escape(/*in_class=*/true);
      } else {
        const std::size_t begin = i_;
        const char32_t code = next_char(in_, i_);
        if (caseless_ && code >= 0x80) check_caseless(code);
        out_ += in_.substr(begin, i_ - begin);
      }
    }
    out_ += ']';
    ++i_;
    literal_run_.clear();
  }

  void posix_class() {
    const std::size_t end = in_.find(":]", i_);
    const std::string_view name =
        in_.substr(i_ + 2, end == std::string_view::npos ? 0 : end - i_ - 2);
    const auto known = posix_classes().find(name);
    if (known == posix_classes().end()) {
      refuse("the class '[:" + std::string(name) + ":]' is not supported");
    }
    refuse_cased(known->second);
    out_ += known->second;
    i_ = end + 2;
  }

  void refuse_cased(std::string_view inside) const {
    if (!caseless_) return;
    for (const std::string_view cased : {"{Lu}", "{Ll}", "{Lt}", "{Uppercase}", "{Lowercase}"}) {
      if (inside.find(cased) != std::string_view::npos) {
        refuse("a class of cased letters within (?i: is not supported");
      }
    }
  }

  void put_class(std::string_view inside, bool negated, bool in_class) {
    if (!in_class) {
      out_ += negated ? "[^" : "[";
      out_ += inside;
      out_ += ']';
    } else if (!negated) {
      out_ += inside;
    } else if (inside == kSpace) {
      out_ += "\\S\\x{180e}";
    } else {
      refuse("a negated class (\\W, \\H) within a character class is not supported");
    }
    literal_run_.clear();
  }

  void escape(bool in_class) {
    const char c = peek(1);
    if (i_ + 1 >= in_.size()) refuse("the pattern ends with a backslash");
    i_ += 2;
    static constexpr std::string_view kControls = "tnrfae";
    if (kControls.find(c) != std::string_view::npos) {
      out_ += {'\\', c};
      literal_run_.clear();
      return;
    }
    switch (c) {
      case 'v':
        out_ += "\\x{b}";
        literal_run_.clear();
        return;
      case 's':
      case 'S':
        return put_class(kSpace, c == 'S', in_class);
      case 'w':
      case 'W':
        return put_class(kWord, c == 'W', in_class);
      case 'h':
      case 'H':
        return put_class(kHex, c == 'H', in_class);
      case 'd':
      case 'D':
        out_ += c == 'd' ? "\\p{Nd}" : "\\P{Nd}";
        literal_run_.clear();
        return;
      case 'p':
      case 'P':
        return property_escape(c == 'P');
      case 'x':
      case 'u':
        return code_point(c, in_class);
      default:
        break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || std::ispunct(byte) != 0 || c == ' ') {
      --i_;
      if (!in_class) return literal();
      if (byte < 0x80) out_ += '\\';
      out_ += in_.substr(i_, utf8_length(c));
      i_ += utf8_length(c);
      return;
    }
    if (!in_class) return anchor(c);
    refuse(std::string("the escape '\\") + c + "' is not supported in a character class");
  }

  void anchor(char c) {
    const std::string word = "[" + std::string(kWord) + "]";
    if (c == 'b') {
      out_ += "(?:(?<=" + word + ")(?!" + word + ")|(?<!" + word + ")(?=" + word + "))";
    } else if (c == 'B') {
      out_ += "(?:(?<=" + word + ")(?=" + word + ")|(?<!" + word + ")(?!" + word + "))";
    } else if (c == 'A' || c == 'z' || c == 'Z' || c == 'G' || c == 'R') {
      out_ += {'\\', c};
    } else {
      refuse(std::string("the escape '\\") + c + "' is not supported");
    }
    literal_run_.clear();
  }

  void property_escape(bool negated) {
    const std::size_t end = in_.find('}', i_);
    if (peek() != '{' || end == std::string_view::npos) refuse("'\\p' without '{name}'");
    std::string_view name = in_.substr(i_ + 1, end - i_ - 1);
    if (!name.empty() && name[0] == '^') {
      negated = !negated;
      name.remove_prefix(1);
    }
    const std::string text = "{" + property(name) + "}";
    refuse_cased(text);
    out_ += (negated ? "\\P" : "\\p") + text;
    i_ = end + 1;
    literal_run_.clear();
  }

  // \xHH \x{H...} \uHHHH
  void code_point(char kind, bool in_class) {
    std::string digits;
    const bool braces = kind == 'x' && peek() == '{';
    if (braces) ++i_;
    const std::size_t limit = braces ? 8 : kind == 'u' ? 4 : 2;
    while (digits.size() < limit && std::isxdigit(static_cast<unsigned char>(peek())) != 0) {
      digits += in_[i_++];
    }
    if (digits.empty() || (kind == 'u' && digits.size() != 4))
      refuse("a damaged code point escape");
    if (braces && peek() != '}') refuse("a damaged code point escape");
    if (braces) ++i_;
    const unsigned long code = std::stoul(digits, nullptr, 16);
    if (kind == 'x' && !braces && code > 0x7F) refuse("'\\xHH' beyond ASCII is not supported");
    if (!in_class || caseless_) check_caseless(static_cast<char32_t>(code));
    out_ += "\\x{" + digits + "}";
  }

  struct Group {
    std::size_t begin;
    bool outer_caseless;
  };
  std::string_view in_;
  std::size_t i_ = 0;
  std::string out_;
  std::size_t atom_ = 0;  // start in out_ of the last element that can be repeated
  bool caseless_ = false;
  std::string literal_run_;  // consecutive letters under (?i:
  std::vector<Group> groups_;
};

}  // namespace

std::string translate_pattern(std::string_view pattern) {
  if (!is_valid_utf8(pattern)) throw std::invalid_argument("not valid UTF-8");
  return Translator(pattern).run();
}

}  // namespace incipit::data
