"""Turns a model's Jinja chat template into the fixed text before and after each role.

docs/chat_format.md describes the result, incipit_chat.json. The template is rendered with marker
words as contents; the text between the markers is the fixed text. The result is then compared
with the template on conversations of several shapes. A template whose text depends on more than
roles and contents raises ChatError.
"""
import datetime
import hashlib
import json
from pathlib import Path

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

FORMAT = 1
SYSTEM, USER, ANSWER, USER2, ANSWER2 = "SysMarkQ", "UserMarkQ", "AnswMarkQ", "UserTwoQ", "AnswTwoQ"


class ChatError(Exception):
    """The template is absent, broken or not expressible as fixed text around contents."""


class GenerationTag(Extension):
    """`{% generation %}` only marks the assistant's text; its body is rendered unchanged."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


class Template:
    """A chat template, rendered as transformers renders it."""

    def __init__(self, source, special_tokens):
        env = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True,
            extensions=[GenerationTag, "jinja2.ext.loopcontrols"])
        env.filters["tojson"] = lambda x, indent=None: json.dumps(x, ensure_ascii=False,
                                                                  indent=indent)
        env.globals["raise_exception"] = self._refuse
        env.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
        self.source = source
        self._special_tokens = special_tokens
        self.bos_token = special_tokens.get("bos_token")
        if not isinstance(source, str):
            raise ChatError("the chat template is not a text")
        try:
            self._template = env.from_string(source)
        except jinja2.TemplateError as error:
            raise ChatError(f"the chat template is not valid Jinja: {error}") from error

    @staticmethod
    def _refuse(message):
        raise jinja2.TemplateError(message)

    def render(self, messages, generation=False):
        """Returns the text of [(role, content), ...], or None if the template refuses the shape."""
        try:
            return self._template.render(
                messages=[{"role": role, "content": content} for role, content in messages],
                tools=None, documents=None, add_generation_prompt=generation,
                **self._special_tokens)
        except jinja2.TemplateError:
            return None


def read_template(model_dir):
    """Returns the default chat template of a model folder, with the special tokens it may use."""
    model_dir = Path(model_dir)
    config_path = model_dir / "tokenizer_config.json"
    config = json.loads(config_path.read_text(encoding="utf8")) if config_path.exists() else {}
    source = None
    if (model_dir / "chat_template.jinja").exists():
        source = (model_dir / "chat_template.jinja").read_text(encoding="utf8")
    elif (model_dir / "chat_template.json").exists():
        source = json.loads((model_dir / "chat_template.json").read_text(encoding="utf8"))
        source = source["chat_template"]
    else:
        source = config.get("chat_template")
    if isinstance(source, list):  # several templates by name
        source = {entry["name"]: entry["template"] for entry in source}.get("default")
    if not source:
        raise ChatError(f"{model_dir} has no chat template: expected chat_template.jinja, or the "
                        "key chat_template in tokenizer_config.json")
    tokens = {}
    for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"):
        value = config.get(f"{name}_token")
        if isinstance(value, dict):
            value = value["content"]
        if value is not None:
            tokens[f"{name}_token"] = value
    return Template(source, tokens)


def _cut(text, *marks):
    """Splits text at the marks; None unless each occurs exactly once, in order."""
    pieces = []
    for mark in marks:
        if text is None or text.count(mark) != 1:
            return None
        before, text = text.split(mark)
        pieces.append(before)
    return [*pieces, text]


def _without_prefix(text, prefix, what):
    if not text.startswith(prefix):
        raise ChatError(f"the text {what} depends on what follows it: {prefix!r} against {text!r}")
    return text[len(prefix):]


def _common_suffix(a, b):
    length = 0
    while length < min(len(a), len(b)) and a[-1 - length] == b[-1 - length]:
        length += 1
    return a[len(a) - length:]


def _trims(template, role, before):
    """Returns whether the template strips white space around a content of this role."""
    mark = USER if role == "user" else ANSWER
    text = template.render([*before, (role, f" {mark} ")])
    return text is not None and mark in text and f" {mark} " not in text


def extract(template):
    """Returns the fixed texts of the template, not yet checked."""
    alone = _cut(template.render([("user", USER)]), USER)
    asked = _cut(template.render([("user", USER)], generation=True), USER)
    pair = _cut(template.render([("user", USER), ("assistant", ANSWER)]), USER, ANSWER)
    if not (alone and asked and pair):
        raise ChatError("the chat template does not render a user's text and an assistant's answer")
    user_after, assistant_after = alone[1], pair[2]
    generation_prompt = _without_prefix(asked[1], user_after, "after a user's turn")
    assistant_before = _without_prefix(pair[1], user_after, "after a user's turn")

    system = _cut(template.render([("system", SYSTEM), ("user", USER), ("assistant", ANSWER)]),
                  SYSTEM, USER, ANSWER)
    four = _cut(template.render([("user", USER), ("assistant", ANSWER),
                                 ("user", USER2), ("assistant", ANSWER2)]),
                USER, ANSWER, USER2, ANSWER2)
    if four and four[2].startswith(assistant_after):
        user_before = four[2][len(assistant_after):]
    else:
        user_before = _common_suffix(pair[0], system[1]) if system else pair[0]

    start, default_system, begin = pair[0], None, ""
    if system and len(start) >= len(system[0]) + len(system[1]) and \
            start.startswith(system[0]) and start.endswith(system[1]):
        default_system = start[len(system[0]):len(start) - len(system[1])]
    elif start.endswith(user_before):
        begin = start[:len(start) - len(user_before)]
    else:
        begin, user_before = "", start

    user = {"before": user_before, "after": user_after, "trim": _trims(template, "user", [])}
    result = {"format": FORMAT, "begin": begin, "default_system": default_system, "system": None,
              "user": user, "user_after_system": dict(user)}
    if system:
        system_after = system[1]
        if system_after.endswith(user_before):
            system_after = system_after[:len(system_after) - len(user_before)]
        else:
            result["user_after_system"]["before"] = ""
        text = template.render([("system", f" {SYSTEM} "), ("user", USER)])
        before = _without_prefix(system[0], begin, "at the beginning")
        bos = template.bos_token
        # ChatML opens each turn with the token that is also BOS: there it belongs to the turn.
        if default_system is not None and bos and before.startswith(bos) \
                and not user_before.startswith(bos):
            result["begin"], before = bos, before[len(bos):]
        result["system"] = {"before": before, "after": system_after,
                            "trim": f" {SYSTEM} " not in (text or "")}
    result["assistant"] = {"before": assistant_before, "after": assistant_after,
                           "trim": _trims(template, "assistant", [("user", USER)])}
    result["generation_prompt"] = generation_prompt
    return result


def concatenate(chat, messages, generation=False):
    """Returns the text of a conversation by the rules of docs/chat_format.md."""
    def part(texts, content):
        return texts["before"] + (content.strip() if texts["trim"] else content) + texts["after"]

    messages = list(messages)
    text, after_system = chat["begin"], False
    if messages[0][0] == "system":
        text += part(chat["system"], messages.pop(0)[1])
        after_system = True
    elif chat["default_system"] is not None:
        texts = chat["system"]
        text += texts["before"] + chat["default_system"] + texts["after"]
        after_system = True
    for role, content in messages:
        text += part(chat["user_after_system" if after_system and role == "user" else role], content)
        after_system = False
    return text + (chat["generation_prompt"] if generation else "")


def _conversations(with_system, pairs):
    contents = [("Be brief.", "What is 2 + 2?", "4"),
                ("A  rule\n\nand one more", "line one\nline two: {x} <b>", " Yes"),
                (" spaced ", "é 漢字 ", "no ")]
    for system, user, answer in contents:
        turns = [("user", user), ("assistant", answer)] * pairs
        yield [("system", system), *turns] if with_system else turns


def _agrees(template, chat, pairs):
    for with_system in ((False, True) if chat["system"] else (False,)):
        for messages in _conversations(with_system, pairs):
            for turns, generation in ((messages, False), (messages[:-1], True)):
                expected = template.render(turns, generation)
                if expected is None or concatenate(chat, turns, generation) != expected:
                    return turns, expected, concatenate(chat, turns, generation)
    return None


def describe(template):
    """Returns a template's checked incipit_chat.json as a dictionary; ChatError if there is none."""
    chat = extract(template)
    difference = _agrees(template, chat, pairs=1)
    if difference:
        turns, expected, found = difference
        raise ChatError("the chat template cannot be expressed as fixed text around contents: for "
                        f"{turns} it gives {expected!r}, the fixed texts give {found!r}")
    chat["multi_turn"] = _agrees(template, chat, pairs=2) is None
    chat["template_sha256"] = hashlib.sha256(template.source.encode()).hexdigest()
    if "strftime_now" in template.source:  # the date is fixed from here on
        chat["rendered_on"] = datetime.date.today().isoformat()
    return chat


def write(model_dir):
    """Writes incipit_chat.json beside the model and returns its path."""
    chat = describe(read_template(model_dir))
    path = Path(model_dir) / "incipit_chat.json"
    temporary = path.with_suffix(".json.part")
    temporary.write_text(json.dumps(chat, indent=1, ensure_ascii=False) + "\n", encoding="utf8")
    temporary.replace(path)
    return path
