"""Strict checks of HTML that a program wrote: what a browser would forgive is an error here."""
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input", "col", "base"}
FETCHING = {"src", "href", "srcset", "action", "data", "poster", "xlink:href"}


class Checker(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.path, self.ids, self.problems, self.texts = [], set(), [], []
        self.policy = self.viewport = ""

    def handle_starttag(self, tag, attributes):
        self.look_at(tag, attributes)
        if tag not in VOID:
            self.path.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.look_at(tag, attributes)
        if "svg" not in self.path:
            self.problems.append(f"<{tag}/> outside of SVG")

    def handle_endtag(self, tag):
        if not self.path or self.path[-1] != tag:
            self.problems.append(f"</{tag}> at {self.getpos()} inside {self.path}")
        else:
            self.path.pop()

    def handle_data(self, text):
        self.texts.append((self.path[-1] if self.path else "", text))
        if self.path and self.path[-1] == "style" and ("url(" in text or "@import" in text):
            self.problems.append("a style that fetches")

    def look_at(self, tag, attributes):
        names = [name for name, _ in attributes]
        if len(names) != len(set(names)):
            self.problems.append(f"<{tag}> at {self.getpos()} has an attribute twice")
        for name, value in attributes:
            if name == "id":
                if value in self.ids:
                    self.problems.append(f"id {value} occurs twice")
                self.ids.add(value)
            if name in FETCHING and not (value or "").startswith("#"):
                self.problems.append(f"<{tag} {name}={value}> fetches")
            if name.startswith("on"):
                self.problems.append(f"<{tag} {name}> runs a script")
        values = dict(attributes)
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        if values.get("name") == "viewport":
            self.viewport = values["content"]


def check(markup):
    """The checker, after the whole page; `problems` says what is wrong with it."""
    checker = Checker()
    checker.feed(markup)
    checker.close()
    if checker.path:
        checker.problems.append(f"never closed: {checker.path}")
    if not markup.startswith("<!DOCTYPE html>"):
        checker.problems.append("no doctype")
    return checker


def text_of(checker):
    return " ".join(text for tag, text in checker.texts if tag not in ("style", "script"))
