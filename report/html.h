// Writes HTML with inline SVG: balanced, and everything is escaped.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace incipit::report {

// Returns `text` with HTML's special characters escaped, for use between tags and in quoted
// attributes. Invalid UTF-8 and control characters that are not allowed in HTML become U+FFFD.
[[nodiscard]] std::string escaped(std::string_view text);

// A boolean attribute ("open") gets the value "".
using Attributes = std::initializer_list<std::pair<std::string_view, std::string_view>>;

class Html {
 public:
  // Closes its element when it goes out of scope.
  class [[nodiscard]] Element {
   public:
    ~Element() { html_.close(); }
    Element(const Element&) = delete;
    Element& operator=(const Element&) = delete;

   private:
    friend class Html;
    explicit Element(Html& html) : html_(html) {}
    Html& html_;
  };

  // <tag attributes> ... </tag>: what is written during the returned object's lifetime is inside.
  Element element(std::string_view tag, Attributes attributes = {});
  // <tag attributes>text</tag>
  void leaf(std::string_view tag, Attributes attributes, std::string_view text);
  void leaf(std::string_view tag, std::string_view text) { leaf(tag, {}, text); }
  // <tag attributes>: an HTML element without an end tag.
  void single(std::string_view tag, Attributes attributes = {});
  // <tag attributes/>: an SVG element without content.
  void shape(std::string_view tag, Attributes attributes);
  void text(std::string_view text) { out_ += escaped(text); }
  // Writes trusted markup unescaped; never pass user text.
  void trusted(std::string_view markup) { out_ += markup; }

  // Returns everything written. Every element must be closed.
  [[nodiscard]] const std::string& markup() const;

 private:
  void open(std::string_view tag, Attributes attributes, std::string_view end);
  void close();

  std::string out_;
  std::vector<std::string> path_;  // open elements
};

// Returns a number for CSS and SVG: at most two decimals, no exponent.
[[nodiscard]] std::string css_number(double number);

}  // namespace incipit::report
