#include "init/summary.h"

#include <algorithm>
#include <array>
#include <ostream>

#include "core/text.h"

namespace incipit::init {
namespace {

constexpr std::size_t kParts = 3;
using LabelSplits = std::vector<std::array<std::int64_t, kParts>>;

LabelSplits count(const InitSummary& summary) {
  LabelSplits counts(summary.table.labels.size());
  for (std::size_t i = 0; i < summary.parts.size(); ++i) {
    ++counts[static_cast<std::size_t>(summary.table.rows[i].label)]
            [static_cast<std::size_t>(summary.parts[i])];
  }
  return counts;
}

std::string ids_text(const std::vector<TokenId>& tokens) {
  std::vector<std::string> ids;
  for (const TokenId token : tokens) ids.push_back(std::to_string(token));
  return join(ids, " ");
}

void print_labels(std::ostream& out, const telemetry::Style& style, const InitSummary& summary) {
  const Answers& answers = summary.plan.answers;
  telemetry::Table table({"label", "train", "validation", "test", "the model says", "token", ""});
  const LabelSplits counts = count(summary);
  std::array<std::int64_t, kParts> totals{};
  for (std::size_t label = 0; label < counts.size(); ++label) {
    for (std::size_t part = 0; part < kParts; ++part) totals[part] += counts[label][part];
    table.add(
        {telemetry::visible(summary.table.labels[label]), telemetry::grouped(counts[label][0]),
         telemetry::grouped(counts[label][1]), telemetry::grouped(counts[label][2]),
         std::string("\"").append(telemetry::visible(answers.verbalizer[label].text)).append("\""),
         ids_text(answers.tokens[label]), answers.is_stand_in(label) ? "stand-in" : ""});
  }
  table.add({"all", telemetry::grouped(totals[0]), telemetry::grouped(totals[1]),
             telemetry::grouped(totals[2]), "", "", ""});
  table.print(out, style);
}

std::string answers_text(const Answers& answers) {
  const auto labels = static_cast<std::int64_t>(answers.verbalizer.size());
  std::int64_t stand_ins = 0;
  for (std::size_t i = 0; i < answers.verbalizer.size(); ++i) {
    stand_ins += answers.is_stand_in(i) ? 1 : 0;
  }
  switch (answers.kind) {
    case AnswerKind::kLetters:
      return "letters, a token each: not all labels have their own token in this vocabulary; "
             "the template gives the label of each letter";
    case AnswerKind::kWholeLabels:
      return "the labels themselves, several tokens each: this vocabulary has no distinct token "
             "for each; scores are means per token";
    case AnswerKind::kWords:
    case AnswerKind::kBeginnings:
      break;
  }
  if (stand_ins == 0) return "the labels themselves, a token each";
  return "a token each; " + telemetry::grouped(stand_ins) + " of " + telemetry::grouped(labels) +
         " labels have a stand-in: they are not one token in this vocabulary, or share their "
         "first token with another";
}

std::string examples_text(const LabelledTable& table) {
  std::vector<std::string> columns;
  for (const std::string& column : table.text_columns) columns.push_back("'" + column + "'");
  return telemetry::grouped(static_cast<std::int64_t>(table.rows.size())) + " of " + table.file +
         ", text in " + join(columns) + ", label in '" + table.label_column + "'";
}

std::string majority_text(const LabelledTable& table) {
  const auto counts = table.label_counts();
  const auto most = std::max_element(counts.begin(), counts.end());
  const double share = static_cast<double>(*most) / static_cast<double>(table.rows.size());
  return telemetry::fixed(share, 2) + " are '" +
         table.labels[static_cast<std::size_t>(most - counts.begin())] +
         "': the accuracy of always answering that";
}

}  // namespace

void print_init_summary(std::ostream& out, const telemetry::Style& style,
                        const InitSummary& summary) {
  const Lengths& lengths = summary.plan.lengths;
  const data::TaskOptions& options = summary.plan.options;
  out << style.bold(summary.config.run.name) << '\n';
  telemetry::print_facts(
      out, style,
      {{"examples", examples_text(summary.table)},
       {"majority", majority_text(summary.table)},
       {"tokens", "median " + telemetry::grouped(lengths.median) + ", 95 % up to " +
                      telemetry::grouped(lengths.most) + ", longest " +
                      telemetry::grouped(lengths.longest) + "; cut after " +
                      telemetry::grouped(options.max_source_tokens) + " in '" +
                      options.truncate.field + "'"},
       {"answers", answers_text(summary.plan.answers)},
       {"template", options.source_template}});
  print_labels(out, style, summary);
  for (const std::string& warning : summary.warnings) {
    out << style.warning("warning") << "  " << warning << '\n';
  }
  print_next_steps(out, style, summary.config_file, summary.config);
}

void print_next_steps(std::ostream& out, const telemetry::Style& style,
                      const std::string& config_file, const configs::RunConfig& config) {
  out << style.good("wrote ") << config_file << "; next:\n"
      << "  incipit validate " << config_file << '\n'
      << "  incipit train " << config_file << "  # on two ranks: mpirun -n 2 before it\n"
      << "  incipit report " << config.run.output_dir << '\n'
      << "  incipit predict " << config.run.output_dir << " --input FILE\n";
}

}  // namespace incipit::init
