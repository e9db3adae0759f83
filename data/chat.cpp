#include "data/chat.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/log.h"
#include "data/tokenizer/json_node.h"

namespace incipit::data {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\r\f\v";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

ChatFormat::Around around(const JsonNode& node) {
  return {node.at("before").string(), node.at("after").string(), node.boolean("trim", false)};
}

json parse(const fs::path& path) { return parse_json_of<json>(path, MappedFile(path).text()); }

ChatFormat read_file(const fs::path& path) {
  const json root = parse(path);
  const JsonNode node(root, path.string());
  if (const auto version = node.at("format").integer(); version != 1) {
    node.at("format").fail("expected 1, found " + std::to_string(version) +
                           "; make the file again with scripts/prepare_model.py --chat");
  }
  ChatFormat chat;
  chat.name = path.filename().string();
  chat.begin = node.at("begin").string();
  if (const auto text = node.find("default_system")) chat.default_system = text->string();
  if (const auto system = node.find("system")) chat.system = around(*system);
  if (chat.default_system && !chat.system) node.fail("has a default_system, but no system");
  chat.user = around(node.at("user"));
  chat.user_after_system = around(node.at("user_after_system"));
  chat.assistant = around(node.at("assistant"));
  chat.generation_prompt = node.at("generation_prompt").string();
  chat.multi_turn = node.boolean("multi_turn", true);
  return chat;
}

// Returns the text of the model's own template, or "" if it has none.
std::string template_text(const fs::path& model_dir) {
  if (fs::exists(model_dir / "chat_template.jinja")) {
    return read_text(model_dir / "chat_template.jinja");
  }
  const fs::path path = model_dir / "tokenizer_config.json";
  if (!fs::exists(path)) return "";
  const json root = parse(path);
  const auto text = JsonNode(root, path.string()).find("chat_template");
  return text && text->value().is_string() ? text->string() : "";
}

ChatFormat chatml() {
  const ChatFormat::Around user{"<|im_start|>user\n", "<|im_end|>\n"};
  return {.name = "ChatML (built in)",
          .begin = "",
          .default_system = std::nullopt,
          .system = ChatFormat::Around{"<|im_start|>system\n", "<|im_end|>\n"},
          .user = user,
          .user_after_system = user,
          .assistant = {"<|im_start|>assistant\n", "<|im_end|>\n"},
          .generation_prompt = "<|im_start|>assistant\n"};
}

ChatFormat llama3() {
  const auto role = [](const std::string& name) {
    return ChatFormat::Around{"<|start_header_id|>" + name + "<|end_header_id|>\n\n", "<|eot_id|>",
                              true};
  };
  return {.name = "Llama 3 (built in)",
          .begin = "<|begin_of_text|>",
          .default_system = std::nullopt,
          .system = role("system"),
          .user = role("user"),
          .user_after_system = role("user"),
          .assistant = role("assistant"),
          .generation_prompt = role("assistant").before};
}

// Later vocabularies have [INST] and [/INST] as tokens and then no space before [/INST].
ChatFormat mistral(bool tokens) {
  const ChatFormat::Around user{"[INST] ", tokens ? "[/INST]" : " [/INST]"};
  return {.name = "Mistral (built in)",
          .begin = "<s>",
          .default_system = std::nullopt,
          .system = std::nullopt,
          .user = user,
          .user_after_system = user,
          .assistant = {" ", "</s>"},
          .generation_prompt = ""};
}

}  // namespace

std::string ChatFormat::Around::wrap(std::string_view content) const {
  return before + std::string(trim ? trimmed(content) : content) + after;
}

bool ChatFormat::opens_with_system(std::string_view system_text) const {
  return !system_text.empty() || default_system.has_value();
}

std::string ChatFormat::opening(std::string_view system_text) const {
  if (!opens_with_system(system_text)) return begin;
  if (!system) {
    throw ConfigError(
        "task.system: the model's chat format has no place for a system text; "
        "put it into task.template");
  }
  if (!system_text.empty()) return begin + system->wrap(system_text);
  return begin + system->before + *default_system + system->after;
}

std::string ChatFormat::question(std::string_view content, bool after_system) const {
  return (after_system ? user_after_system : user).wrap(content) + generation_prompt;
}

std::string ChatFormat::exchange(std::string_view content, std::string_view answer,
                                 bool after_system) const {
  return (after_system ? user_after_system : user).wrap(content) + assistant.wrap(answer);
}

ChatFormat load_chat_format(const fs::path& model_dir, const Tokenizer& tokenizer) {
  const fs::path path = model_dir / "incipit_chat.json";
  if (fs::exists(path)) return read_file(path);

  const std::string command = "scripts/prepare_model.py --chat " + model_dir.string();
  const std::string text = template_text(model_dir);
  const auto uses = [&](std::string_view mark) {
    return text.find(mark) != std::string::npos ||
           (text.empty() && tokenizer.token_to_id(mark).has_value());
  };
  const auto built_in = [&](ChatFormat chat) {
    log::warn("{} has no incipit_chat.json: the chat format is {}; `{}` makes the file",
              model_dir.string(), chat.name, command);
    return chat;
  };
  if (uses("<|im_start|>")) return built_in(chatml());
  if (uses("<|start_header_id|>")) return built_in(llama3());
  if (uses("[INST]") && text.find("<<SYS>>") == std::string::npos) {
    return built_in(mistral(tokenizer.token_to_id("[INST]").has_value()));
  }
  throw DataError(path.string() +
                  " is missing, and the chat format is none of ChatML, Llama 3 and "
                  "Mistral; make the file with `" +
                  command + "`, or set task.format: raw");
}

}  // namespace incipit::data
