#include "launcher/evaluation_folder.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "configs/differences.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/sha256.h"
#include "core/text.h"
#include "launcher/run_dir.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

using configs::Difference;

// Whether a key cannot change an answer. Data is compared by its content, whatever its folder.
bool is_irrelevant(const std::string& key) {
  constexpr std::array<std::string_view, 6> kBlocks{"metrics.", "log.",     "parallel.",
                                                    "train.",   "mixture.", "order."};
  constexpr std::array<std::string_view, 6> kKeys{"run.name",          "run.output_dir",
                                                  "eval.batch_tokens", "model.path",
                                                  "model.device",      "task.data_dir"};
  return std::any_of(kBlocks.begin(), kBlocks.end(),
                     [&](std::string_view block) { return key.starts_with(block); }) ||
         std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end() ||
         (key.starts_with("tasks.") && key.ends_with(".data_dir"));
}

std::string whole_path(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(path, error);
  return error ? path.string() : whole.string();
}

std::vector<Difference> config_differences(const configs::RunConfig& before,
                                           const configs::RunConfig& now) {
  std::vector<Difference> found = configs::differences(before, now);
  std::erase_if(found, [&](const Difference& each) {
    // Without a prompt, the rest of the block has no effect.
    const bool unused =
        !now.method.trains() && each.key.starts_with("method.") && each.key != "method.kind";
    return unused || is_irrelevant(each.key);
  });
  if (whole_path(now.model.path) != whole_path(before.model.path)) {
    found.push_back({"model.path", before.model.path, now.model.path});
  }
  return found;
}

// Fingerprints of the session's splits that the manifest has too, and differ.
void add_data_differences(const Json& mine, const Json& theirs, std::vector<Difference>& all) {
  if (!mine.is_object() || !theirs.is_object()) return;
  for (const auto& [name, value] : mine.items()) {
    if (!theirs.contains(name)) continue;
    const Json& other = theirs[name];
    if (!value.contains("fingerprint")) {
      add_data_differences(value, other, all);  // a task of several
    } else if (other.contains("fingerprint") && other["fingerprint"] != value["fingerprint"]) {
      all.push_back({"data." + name, other["fingerprint"], value["fingerprint"]});
    }
  }
}

// The adapters that are not the run's own best prompt.
Json adapters_json(const EvaluationRequest& request) {
  const fs::path best = fs::path(request.config.run.output_dir) / "adapter" / "best";
  const auto tasks = configs::all_tasks(request.config);
  Json adapters = Json::array();
  for (std::size_t i = 0; i < request.adapters.size(); ++i) {
    const fs::path& given = request.adapters[i];
    if (given.empty()) continue;
    const bool several = configs::has_several_adapters(request.config);
    const std::string path = whole_path(given);
    if (path == whole_path(several ? best / tasks[i].name : best)) continue;
    adapters.push_back(path);
  }
  return adapters;
}

void add_adapter_differences(const Json& mine, const Json& theirs, std::vector<Difference>& all) {
  if (mine == theirs) return;
  all.push_back({"adapter", dump_json(theirs), dump_json(mine)});
}

Json adapters_of(const Json& manifest) {
  return manifest.contains("adapters") ? manifest["adapters"] : Json::array();
}

// Returns all that makes this evaluation another question than that of the folder.
std::vector<Difference> differences(const EvaluationRequest& request, const Session& session,
                                    const fs::path& folder) {
  configs::RunConfig config = request.config;
  config.model.dtype = session.config.model.dtype;  // `auto` as resolved
  std::vector<Difference> all =
      config_differences(configs::load_run_config((folder / "config.yaml").string()), config);
  const Json theirs = parse_json_or_discard<Json>(read_text(folder / "manifest.json"));
  if (!theirs.is_object()) throw DataError((folder / "manifest.json").string() + ": is damaged");
  const Json mine = parse_json<Json>(manifest(session, "eval"));
  if (theirs.contains("splits")) add_data_differences(mine["splits"], theirs["splits"], all);
  add_adapter_differences(adapters_json(request), adapters_of(theirs), all);
  return all;
}

std::string hash_of(const std::vector<Difference>& all) {
  std::string text;
  for (const Difference& each : all) text += each.key + "=" + each.now + "\n";
  return sha256_hex(std::as_bytes(std::span(text))).substr(0, 8);
}

bool has_suffix(const std::string& key, const std::string& suffix) {
  return key == suffix || key.ends_with("." + suffix);
}

// Returns the last part of a key, or as many of the last as no other key ends with: "shots",
// "method.kind". `keys`: all keys that may differ.
std::string short_key(const std::string& key, const std::vector<std::string>& keys) {
  std::size_t dot = key.rfind('.');
  while (dot != std::string::npos) {
    const std::string suffix = key.substr(dot + 1);
    const auto same = std::count_if(keys.begin(), keys.end(), [&](const std::string& each) {
      return has_suffix(each, suffix);
    });
    if (same <= 1) return suffix;
    dot = dot == 0 ? std::string::npos : key.rfind('.', dot - 1);
  }
  return key;
}

// Appends what file names may have of a text; sets `whole` to false if something is lost.
void append_plain(const std::string& text, std::string_view also, std::string& part, bool& whole) {
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) || also.find(c) != std::string_view::npos) {
      part += c;
    } else if (c != '"') {
      whole = false;
      if (!part.ends_with('-')) part += '-';
    }
  }
}

// Returns "shots-4" for task.shots: 4; sets `whole` to false if something is lost.
std::string part_of(const Difference& difference, const std::vector<std::string>& keys,
                    bool& whole) {
  const bool is_data = difference.key.starts_with("data.");
  const bool is_other = is_data || difference.key == "adapter";
  if (is_other) whole = false;
  std::string part;
  append_plain(is_data ? "data" : short_key(difference.key, keys), "._-", part, whole);
  part += '-';
  append_plain(is_other ? "other" : difference.now, ".-", part, whole);
  while (part.ends_with('-') || part.ends_with('.')) part.pop_back();
  return part;
}

// Whether a value is only the default of another choice: of the keys of method.*, when method.kind
// differs too. `defaults`: the keys that have their default value.
bool follows_choice(const Difference& difference, const std::vector<Difference>& all,
                    const std::set<std::string>& defaults) {
  if (!defaults.contains(difference.key)) return false;
  return std::any_of(all.begin(), all.end(), [&](const Difference& each) {
    if (!each.key.ends_with(".kind") || each.key == difference.key) return false;
    const std::string block = each.key.substr(0, each.key.rfind('.') + 1);
    return difference.key.starts_with(block);
  });
}

std::set<std::string> default_keys(const configs::RunConfig& config,
                                   const std::vector<std::string>& keys) {
  std::set<std::string> defaults(keys.begin(), keys.end());
  for (const Difference& each : configs::differences(configs::RunConfig(), config)) {
    defaults.erase(each.key);
  }
  return defaults;
}

// Names an evaluation after what differs. The hash of all differences is added where the name
// leaves something out.
std::string name_of(const std::vector<Difference>& all, const configs::RunConfig& config) {
  constexpr std::size_t kMost = 48;  // without the hash
  std::vector<std::string> keys = configs::keys_of(config);
  std::erase_if(keys, is_irrelevant);
  const std::set<std::string> defaults = default_keys(config, keys);
  bool whole = true;
  std::string name;
  for (const Difference& each : all) {
    if (follows_choice(each, all, defaults)) {
      whole = false;
    } else {
      name += (name.empty() ? "" : "_") + part_of(each, keys, whole);
    }
  }
  if (name.size() > kMost) {
    name.resize(kMost);
    whole = false;
  }
  name.erase(name.find_last_not_of("._-") + 1);
  return whole ? name : name + "-" + hash_of(all);
}

std::string in_words(const std::vector<Difference>& all) {
  std::vector<std::string> words;
  for (const Difference& each : all) {
    words.push_back(each.key + ": " + each.before + ", not " + each.now);
  }
  return join(words, "; ");
}

}  // namespace

EvaluationFolder evaluation_folder(const EvaluationRequest& request, const Session& session) {
  const fs::path run(request.config.run.output_dir);
  std::vector<Difference> all;
  if (is_run_dir(run)) all = differences(request, session, run);
  if (request.name.empty() && all.empty()) return {run, "", !is_run_dir(run)};
  const std::string name = request.name.empty() ? name_of(all, request.config) : request.name;
  const fs::path folder = run / "evaluations" / name;
  if (!is_run_dir(folder)) return {folder, name, true};
  const std::vector<Difference> others = differences(request, session, folder);
  if (others.empty()) return {folder, name, false};
  throw ConfigError(folder.string() + ": has the results of other settings (" + in_words(others) +
                    "); expected another --name");
}

std::string evaluation_manifest(const EvaluationRequest& request, const Session& session) {
  Json all = parse_json<Json>(manifest(session, "eval"));
  const Json adapters = adapters_json(request);
  if (!adapters.empty()) all["adapters"] = adapters;
  return dump_json(all, 2) + "\n";
}

}  // namespace incipit::launcher
