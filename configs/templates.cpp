#include "configs/templates.h"

#include <filesystem>

#include "configs/builtin.h"
#include "configs/list_blocks.h"
#include "configs/yaml_reader.h"
#include "core/error.h"
#include "core/text.h"

namespace incipit::configs {
namespace {

constexpr const char* kTemplate = "template";

void check_names(const std::vector<PromptTemplate>& templates, YamlReader& reader) {
  for (std::size_t i = 0; i < templates.size(); ++i) {
    const std::string key = block_key(kTemplate, i) + ".name";
    if (!reader.was_given(key)) continue;  // already reported
    if (templates[i].name.empty()) reader.report(key, "is empty");
    for (std::size_t other = 0; other < i; ++other) {
      if (templates[other].name != templates[i].name) continue;
      reader.report(key,
                    block_key(kTemplate, other) + " is called '" + templates[i].name + "', too");
      break;
    }
  }
}

}  // namespace

TemplatesText read_templates(const std::string& path_or_name) {
  std::error_code ignored;  // a path that cannot be looked at is none
  if (!std::filesystem::exists(path_or_name, ignored)) {
    const auto known = builtin_templates();
    if (const BuiltinFile* file = find_file(known, path_or_name)) {
      return {"built-in templates " + path_or_name, std::string(file->text)};
    }
    throw ConfigError(path_or_name + ": no such file" + did_you_mean(path_or_name, names(known)) +
                      " (expected a YAML list of templates, or one that incipit ls shows)");
  }
  return {path_or_name, read_yaml_text(path_or_name)};
}

void declare(Schema& schema, PromptTemplate& o) {
  schema.field("name", o.name, "names the template in tables").required = true;
  data::declare_prompt_template(schema, o.task);
}

std::vector<PromptTemplate> parse_templates(const TemplatesText& list,
                                            const data::TaskOptions& base, const TaskCheck& check) {
  Schema schema;
  YamlReader reader(schema);
  const ConfigValue blocks =
      as_blocks(reader.parse_text(list.text, list.source), kTemplate, reader.problems());
  std::vector<PromptTemplate> templates(blocks.pairs.size(),
                                        PromptTemplate{.name = "", .task = base});
  for (std::size_t i = 0; i < templates.size(); ++i) {
    schema.block(block_key(kTemplate, i), templates[i], "");
  }
  reader.apply(blocks);
  check_names(templates, reader);
  for (std::size_t i = 0; check && i < templates.size(); ++i) {
    check(templates[i].task, [&](const std::string& key, const std::string& message) {
      reader.report(block_key(kTemplate, i) + "." + key, message);
    });
  }
  reader.finish();
  return templates;
}

}  // namespace incipit::configs
