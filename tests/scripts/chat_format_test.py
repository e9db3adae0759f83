"""The fixed texts of chat templates of the usual kinds, and refusal of what has none."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import chat_format  # noqa: E402

CHATML = ("{% for m in messages %}{% if loop.first and m['role'] != 'system' %}"
          "{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}{% endif %}"
          "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
HEADERS = ("{{ bos_token }}{% for m in messages %}{{ '<|head|>' + m['role'] + '<|end|>\n\n' "
           "+ m['content'] | trim + '<|eot|>' }}{% endfor %}"
           "{% if add_generation_prompt %}{{ '<|head|>assistant<|end|>\n\n' }}{% endif %}")
INSTRUCTIONS = (
    "{% if messages[0].role == 'system' %}{% set system = messages[0].content %}"
    "{% set messages = messages[1:] %}{% else %}{% set system = none %}{% endif %}"
    "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' }}"
    "{% if loop.first and system %}{{ '<<SYS>>\n' + system + '\n<</SYS>>\n\n' }}{% endif %}"
    "{{ m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}")
NO_SYSTEM = ("{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}"
             "{{ raise_exception('no system role') }}{% endif %}"
             "{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
             "{% else %}{% generation %}{{ m.content }}{% endgeneration %}{{ eos_token }}{% endif %}"
             "{% endfor %}")
THINKING = ("{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' and loop.last %}"
            "<think></think>{% endif %}{{ m.content }}</>{% endfor %}"
            "{% if add_generation_prompt %}<assistant>{% endif %}")
COUNTING = ("{% for m in messages %}{{ m.role ~ (m.content | length) ~ m.content }}{% endfor %}"
            "{% if add_generation_prompt %}assistant{% endif %}")
# As Llama 3.1's: a system turn comes first, also without a system text.
ALWAYS_SYSTEM = (
    "{{- bos_token }}{%- if not date_string is defined %}{%- if strftime_now is defined %}"
    "{%- set date_string = '26 Jul 2024' %}{%- endif %}{%- endif %}"
    "{%- if messages[0]['role'] == 'system' %}"
    "{%- set system_message = messages[0]['content'] | trim %}{%- set messages = messages[1:] %}"
    "{%- else %}{%- set system_message = '' %}{%- endif %}"
    "{{- '<|head|>system<|end|>\n\nCutting Knowledge Date: December 2023\nToday Date: ' }}"
    "{{- date_string + '\n\n' }}{{- system_message }}{{- '<|eot|>' }}"
    "{%- for m in messages %}"
    "{{- '<|head|>' + m['role'] + '<|end|>\n\n' + m['content'] | trim + '<|eot|>' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{- '<|head|>assistant<|end|>\n\n' }}{%- endif %}")
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def describe(source, tokens=TOKENS):
    return chat_format.describe(chat_format.Template(source, tokens))


class ChatFormat(unittest.TestCase):
    def test_default_system_text_is_found(self):
        chat = describe(CHATML)
        self.assertEqual(chat["default_system"], "Be kind.")
        self.assertEqual(chat["begin"], "")
        self.assertTrue(chat["multi_turn"])

    def test_a_bos_token_that_opens_each_turn_belongs_to_the_turn(self):
        chat = describe(CHATML, {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"})
        self.assertEqual(chat["begin"], "")
        self.assertEqual(chat["system"]["before"], "<|im_start|>system\n")

    def test_begin_and_trimming_are_found(self):
        chat = describe(HEADERS)
        self.assertEqual(chat["begin"], "<s>")
        self.assertIsNone(chat["default_system"])
        self.assertTrue(all(chat[role]["trim"] for role in ("system", "user", "assistant")))

    def test_a_system_turn_that_is_always_there(self):
        chat = describe(ALWAYS_SYSTEM)
        self.assertEqual(chat["begin"], "<s>")
        self.assertEqual(chat["default_system"], "")
        self.assertTrue(chat["system"]["before"].startswith("<|head|>system<|end|>"))
        self.assertTrue(chat["multi_turn"])

    def test_system_text_inside_the_users_turn(self):
        chat = describe(INSTRUCTIONS)
        self.assertEqual(chat["user"]["before"], "<s>[INST] ")
        self.assertEqual(chat["user_after_system"]["before"], "")
        self.assertEqual(chat["system"]["after"], "\n<</SYS>>\n\n")
        text = chat_format.concatenate(chat, [("system", "S"), ("user", "U"), ("assistant", "A")])
        self.assertEqual(text, "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nU [/INST] A </s>")

    def test_template_without_system_role(self):
        chat = describe(NO_SYSTEM)
        self.assertIsNone(chat["system"])
        self.assertEqual(chat["begin"], "<s>")
        self.assertEqual(chat["generation_prompt"], "")

    def test_text_of_the_last_answer_only_makes_single_turn(self):
        chat = describe(THINKING)
        self.assertFalse(chat["multi_turn"])
        self.assertEqual(chat["assistant"]["before"], "<assistant><think></think>")
        self.assertEqual(chat["generation_prompt"], "<assistant>")

    def test_text_that_depends_on_contents_is_refused(self):
        with self.assertRaises(chat_format.ChatError):
            describe(COUNTING)

    def test_broken_template_is_refused(self):
        with self.assertRaisesRegex(chat_format.ChatError, "not valid Jinja"):
            describe("{% for m in messages %}")


if __name__ == "__main__":
    unittest.main()
