#include <stdexcept>
#include <string>

#include "configs/run_config.h"
#include "data/chat.h"
#include "data/tokenizer/tokenizer.h"
#include "tests/fuzz/input_file.h"
#include "tests/fuzz/targets.h"
#include "tests/support/tiny_model.h"

namespace incipit::fuzz {

void read_chat(std::string_view bytes) {
  static const testing::TinyModel model;
  model.folder().write("incipit_chat.json", bytes);
  const data::ChatFormat chat = data::load_chat_format(model.folder().path(), *model.tokenizer());
  (void)chat.exchange(" a ", "b", chat.opens_with_system(""));
  (void)chat.question("c", false);
}

void read_tokenizer(std::string_view bytes) {
  const data::Tokenizer tokenizer = data::Tokenizer::load(input_file("tokenizer.json", bytes));
  for (const char* text : {"", "Hello  world\n", "na\u00efve \u4f60\u597d \U0001F600", "<s>a</s>",
                           "1234567 don't AAAAAAAAAAAAAAAAAAAAAAAA"}) {
    (void)tokenizer.decode(tokenizer.encode(text), /*skip_special=*/false);
    (void)tokenizer.encode_after("a", text);
  }
  data::StreamDecoder decoder(tokenizer);
  for (TokenId id = 0; id < 300; ++id) (void)decoder.add(id);
  (void)decoder.finish();
}

// What is accepted must read back as it was resolved.
void read_yaml(std::string_view bytes) {
  const configs::RunConfig config = configs::parse_run_config(bytes, "run.yaml");
  const std::string text = configs::resolved_yaml(config);
  const std::string again = configs::resolved_yaml(configs::parse_run_config(text, "again.yaml"));
  if (again != text) throw std::logic_error("resolved_yaml: reads back as another configuration");
}

}  // namespace incipit::fuzz
