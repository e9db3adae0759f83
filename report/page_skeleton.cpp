#include "report/page_skeleton.h"

#include "report/page_assets.h"

namespace incipit::report {
namespace {

// Content policy: even unescaped text could not load anything.
constexpr std::string_view kPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

}  // namespace

std::string whole_page(const std::string& title, const std::function<void(Html&)>& write_main) {
  Html page;
  page.trusted("<!DOCTYPE html>\n");
  {
    const auto html = page.element("html", {{"lang", "en"}});
    {
      const auto head = page.element("head");
      page.single("meta", {{"charset", "utf-8"}});
      page.single("meta",
                  {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
      page.single("meta", {{"http-equiv", "Content-Security-Policy"}, {"content", kPolicy}});
      page.leaf("title", title);
      const auto style = page.element("style");
      page.trusted(page_style());
    }
    const auto body = page.element("body");
    {
      const auto main = page.element("main");
      write_main(page);
    }
    const auto script = page.element("script");
    page.trusted(page_script());
  }
  return page.markup();
}

void write_facts(Html& page, const telemetry::Facts& facts) {
  const auto list = page.element("dl", {{"class", "facts card"}});
  for (const auto& [name, value] : facts) {
    const auto pair = page.element("div");
    page.leaf("dt", name);
    page.leaf("dd", value);
  }
}

}  // namespace incipit::report
