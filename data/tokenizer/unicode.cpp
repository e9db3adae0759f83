#include "data/tokenizer/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>

#include "core/check.h"
#include "data/tokenizer/utf8.h"

namespace incipit::data {
namespace {

std::uint32_t category_mask(char32_t code) {
  return U_GET_GC_MASK(static_cast<UChar32>(older_relative(code)));
}

bool is_no_newer_than(char32_t code, unsigned major, unsigned minor) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(code), age);
  return age[0] < major || (age[0] == major && age[1] <= minor);
}

// The normalizer restricted to characters whose normal forms the library knows (Unicode 9). Newer
// characters pass unchanged and block composition, as unassigned ones do.
const icu::Normalizer2& normalizer(NormalForm form) {
  static const auto make = [](const icu::Normalizer2* full) {
    UErrorCode status = U_ZERO_ERROR;
    static const icu::UnicodeSet known(UNICODE_STRING_SIMPLE("[[:age=9.0:]]"), status);
    INCIPIT_CHECK(U_SUCCESS(status) && full != nullptr, "ICU: ", u_errorName(status));
    return icu::FilteredNormalizer2(*full, known);
  };
  UErrorCode status = U_ZERO_ERROR;
  switch (form) {
    case NormalForm::kNfc: {
      static const auto filtered = make(icu::Normalizer2::getNFCInstance(status));
      return filtered;
    }
    case NormalForm::kNfd: {
      static const auto filtered = make(icu::Normalizer2::getNFDInstance(status));
      return filtered;
    }
    case NormalForm::kNfkc: {
      static const auto filtered = make(icu::Normalizer2::getNFKCInstance(status));
      return filtered;
    }
    default: {
      static const auto filtered = make(icu::Normalizer2::getNFKDInstance(status));
      return filtered;
    }
  }
}

}  // namespace

bool is_white_space(char32_t code) {
  if (code < 0x80) return code == ' ' || (code >= 0x09 && code <= 0x0D);
  return u_isUWhiteSpace(static_cast<UChar32>(code)) != 0;
}

bool is_numeric(char32_t code) {
  if (code < 0x80) return code >= '0' && code <= '9';
  // The library's numeric characters are those of Unicode 17.
  if ((code >= 0x11DE0 && code <= 0x11DE9) || (code >= 0x16FF4 && code <= 0x16FF6)) return true;
  return (category_mask(code) & U_GC_N_MASK) != 0;
}

bool is_word(char32_t code) {
  if (code < 0x80) {
    return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') || code == '_' ||
           (code >= '0' && code <= '9');
  }
  const std::uint32_t mask = category_mask(code);
  return (mask & (U_GC_L_MASK | U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK | U_GC_NL_MASK)) != 0 ||
         u_hasBinaryProperty(static_cast<UChar32>(code), UCHAR_ALPHABETIC) != 0 ||
         u_hasBinaryProperty(static_cast<UChar32>(code), UCHAR_JOIN_CONTROL) != 0;
}

bool is_punctuation(char32_t code) {
  if (code < 0x80) {
    return (code >= 0x21 && code <= 0x2F) || (code >= 0x3A && code <= 0x40) ||
           (code >= 0x5B && code <= 0x60) || (code >= 0x7B && code <= 0x7E);
  }
  if (code == 0x166D || code == 0x111C9) return true;  // punctuation until Unicode 11
  return (category_mask(code) & U_GC_P_MASK) != 0 && is_no_newer_than(code, 8, 0);
}

void append_lowercase(std::string& text, char32_t code) {
  if (code == 0x130) {  // the only character with a longer lower case
    text += "i\u0307";
    return;
  }
  // Case pairs for which ICU may be too old (Unicode 16 and 17).
  switch (code) {
    case 0x1C89:
    case 0xA7CC:
    case 0xA7CE:
    case 0xA7D2:
    case 0xA7D4:
    case 0xA7DA:
      ++code;
      break;
    case 0xA7CB:
      code = 0x264;
      break;
    case 0xA7DC:
      code = 0x19B;
      break;
    default:
      if (code >= 0x10D50 && code <= 0x10D65) {
        code += 0x20;
      } else if (code >= 0x16EA0 && code <= 0x16EB8) {
        code += 0x1B;
      } else {
        code = static_cast<char32_t>(u_tolower(static_cast<UChar32>(code)));
      }
  }
  append_utf8(text, code);
}

bool normalize(NormalForm form, std::string_view in, std::string& out) {
  if (is_ascii(in)) return false;
  const icu::Normalizer2& normalizer2 = normalizer(form);
  const icu::StringPiece piece(in.data(), static_cast<std::int32_t>(in.size()));
  UErrorCode status = U_ZERO_ERROR;
  if (normalizer2.isNormalizedUTF8(piece, status) && U_SUCCESS(status)) return false;
  std::string normal;
  icu::StringByteSink<std::string> sink(&normal);
  status = U_ZERO_ERROR;
  normalizer2.normalizeUTF8(0, piece, sink, nullptr, status);
  INCIPIT_CHECK(U_SUCCESS(status), "ICU: ", u_errorName(status));
  out = std::move(normal);
  return true;
}

}  // namespace incipit::data
