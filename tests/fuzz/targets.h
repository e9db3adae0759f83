// Readers of files that may come from strangers, one fuzzing target each.
//
// A target reads the bytes as its format. It may throw incipit::Error, as a reader does that
// refuses a file. Anything else (another exception, a sanitizer's report, much time or memory) is a
// defect.
#pragma once

#include <string_view>

namespace incipit::fuzz {

void read_adapter(std::string_view bytes);  // "{...}" of adapter_config.json, then safetensors
void read_chat(std::string_view bytes);     // incipit_chat.json
void read_csv(std::string_view bytes);
void read_jsonl(std::string_view bytes);
void read_npy(std::string_view bytes);
void read_safetensors(std::string_view bytes);
void read_tokenizer(std::string_view bytes);  // tokenizer.json
void read_yaml(std::string_view bytes);       // a run's configuration

}  // namespace incipit::fuzz
