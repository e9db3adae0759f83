// Writes HTML, and SVG inside it: balanced, and escaped whatever it is given.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace incipit::launcher::report {

// `text` with the characters that HTML gives a meaning written as references, so that it reads as
// itself between tags and inside quoted attributes. Bytes that are not UTF-8 and control
// characters that no page may hold become U+FFFD.
[[nodiscard]] std::string escaped(std::string_view text);

// An attribute without a value ("open") is given the value "".
using Attributes = std::initializer_list<std::pair<std::string_view, std::string_view>>;

class Html {
 public:
  // Closes its element at the end of the block it lives in.
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

  // <tag attributes> ... </tag>: what is written while the element lives stands inside it.
  Element element(std::string_view tag, Attributes attributes = {});
  // <tag attributes>text</tag>
  void leaf(std::string_view tag, Attributes attributes, std::string_view text);
  void leaf(std::string_view tag, std::string_view text) { leaf(tag, {}, text); }
  // <tag attributes>: an element of HTML that has no end tag.
  void single(std::string_view tag, Attributes attributes = {});
  // <tag attributes/>: an SVG element without content.
  void shape(std::string_view tag, Attributes attributes);
  void text(std::string_view text) { out_ += escaped(text); }
  // Markup of our own making; never what a user wrote.
  void trusted(std::string_view markup) { out_ += markup; }

  // All that was written; every element is closed.
  [[nodiscard]] const std::string& markup() const;

 private:
  void open(std::string_view tag, Attributes attributes, std::string_view end);
  void close();

  std::string out_;
  std::vector<std::string> path_;  // elements that are open
};

// A number as CSS and SVG read it: at most two decimals, no exponent.
[[nodiscard]] std::string css_number(double number);

}  // namespace incipit::launcher::report
