#include "launcher/search_table.h"

#include <string>

#include "report/search_texts.h"

namespace incipit::launcher {

void print_search(std::ostream& out, const telemetry::Style& style,
                  const eval::SearchResults& results) {
  out << style.bold("search over " + report::search_title(results)) << "\n";
  telemetry::Table table(report::outcome_header(results));
  for (auto& row : report::outcome_rows(results)) table.add(std::move(row));
  table.print(out, style);
  telemetry::Facts facts;
  for (const eval::WordOutcome& outcome : results.outcomes) {
    facts.emplace_back(outcome.name, report::words_text(outcome.words.texts));
  }
  for (const std::string& gain : report::gain_texts(results)) facts.emplace_back("gain", gain);
  telemetry::print_facts(out, style, facts);
}

}  // namespace incipit::launcher
