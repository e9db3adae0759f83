// A sweep's page and its tables.
#include <algorithm>
#include <ostream>

#include "core/text.h"
#include "report/line_chart.h"
#include "report/page_parts.h"
#include "report/page_skeleton.h"
#include "report/plain_table.h"
#include "report/sweep.h"

namespace incipit::report {
namespace {

std::string score(const std::optional<double>& value) {
  return value ? telemetry::fixed(*value, 4) : "-";
}

// "0.5700 (0.0123)"
std::string spread_text(const std::optional<eval::Spread>& spread, std::int64_t members) {
  if (!spread) return "-";
  const std::string mean = telemetry::fixed(spread->mean, 4);
  return members == 1 ? mean : mean + " (" + telemetry::fixed(spread->deviation, 4) + ")";
}

std::string setting_name(const SettingResult& setting) {
  return setting.name.empty() ? "all members" : setting.name;
}

// The columns of a setting; those that no setting has are left out.
struct Columns {
  bool several = false;  // members of a setting
  bool ensembles = false;
};

Columns columns_of(const std::vector<SettingResult>& settings) {
  Columns columns;
  for (const SettingResult& setting : settings) {
    columns.several = columns.several || setting.members > 1;
    columns.ensembles = columns.ensembles || setting.ensemble.has_value();
  }
  return columns;
}

std::vector<std::string> header_of(const Columns& columns) {
  std::vector<std::string> header{"setting", "members", "validation", "test"};
  if (columns.several) header.insert(header.end(), {"best member", "its test"});
  if (columns.ensembles) header.insert(header.end(), {"vote", "mean probability"});
  return header;
}

std::vector<std::string> row_of(const SettingResult& setting, const Columns& columns) {
  std::vector<std::string> row{setting_name(setting), std::to_string(setting.members),
                               spread_text(setting.validation, setting.members),
                               spread_text(setting.test, setting.members)};
  if (columns.several) {
    row.insert(row.end(), {setting.best.empty() ? "-" : setting.best, score(setting.best_test)});
  }
  if (columns.ensembles) {
    const bool has = setting.ensemble.has_value();
    row.push_back(has ? score(setting.ensemble->vote) : "-");
    row.push_back(has ? score(setting.ensemble->mean_probability) : "-");
  }
  return row;
}

telemetry::Facts cost_facts(const Sweep& sweep) {
  if (sweep.seconds == 0) return {};
  const auto members = static_cast<double>(sweep.members.size());
  return {{"training", human_seconds(sweep.seconds) + ", " +
                           human_seconds(sweep.seconds / members) + " a member"},
          {"rows computed", telemetry::grouped(sweep.rows)}};
}

void write_settings(Html& page, const Sweep& sweep) {
  const std::vector<SettingResult> settings = settings_of(sweep);
  const Columns columns = columns_of(settings);
  TableRows rows;
  for (const SettingResult& setting : settings) rows.push_back(row_of(setting, columns));
  page.leaf("h2", "Settings");
  page.leaf(
      "p", {{"class", "soft"}},
      sweep.metric +
          ": mean over the members (sample standard deviation). Best member: by its validation "
          "score. Vote and mean probability: the answers of the members together, on the test "
          "split.");
  write_table(page, header_of(columns), rows, /*numbers=*/true);
}

void write_members(Html& page, const Sweep& sweep) {
  TableRows rows;
  for (const MemberResult& member : sweep.members) {
    rows.push_back({member.name, telemetry::grouped(member.best_step), score(member.validation),
                    score(member.test)});
  }
  page.leaf("h2", "Members");
  page.leaf("p", {{"class", "soft"}},
            sweep.metric + " of every member; its adapter is adapter/best/MEMBER.");
  write_table(page, {"member", "best step", "validation", "test"}, rows, /*numbers=*/true);
}

}  // namespace

std::string sweep_page(const Sweep& sweep) {
  return whole_page(sweep.name + " - incipit report", [&](Html& page) {
    {
      const auto header = page.element("header");
      page.leaf("p", {{"class", "mark"}}, "incipit report");
      page.leaf("h1", sweep.name);
      page.leaf("p", {{"class", "result"}},
                "A sweep of " + std::to_string(sweep.members.size()) +
                    " prompts, trained in one batch over one copy of the weights.");
    }
    const telemetry::Facts facts = cost_facts(sweep);
    if (!facts.empty()) write_facts(page, facts);
    write_settings(page, sweep);
    write_members(page, sweep);
  });
}

void print_sweep(std::ostream& out, const telemetry::Style& style, const Sweep& sweep) {
  const std::vector<SettingResult> settings = settings_of(sweep);
  const Columns columns = columns_of(settings);
  telemetry::Table table(header_of(columns));
  for (const SettingResult& setting : settings) table.add(row_of(setting, columns));
  table.print(out, style);
  telemetry::Facts facts{{"scores", sweep.metric}};
  for (auto& fact : cost_facts(sweep)) facts.push_back(std::move(fact));
  telemetry::print_facts(out, style, facts);
}

}  // namespace incipit::report
