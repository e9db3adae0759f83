"""The documentation is what the program says, and its links lead somewhere: docs_test.py INCIPIT."""
import re
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import command_reference  # noqa: E402
import docs_blocks  # noqa: E402

INCIPIT = ""


def pages():
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, check=True, capture_output=True,
                            text=True).stdout
    return [ROOT / name for name in listed.split()]


def prose(text):
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class Docs(unittest.TestCase):
    def test_the_reference_of_commands_is_what_the_program_says(self):
        self.assertEqual((ROOT / "docs/commands.md").read_text(encoding="utf8"),
                         command_reference.reference(INCIPIT),
                         "run scripts/command_reference.py (its head says how)")

    def test_every_relative_link_leads_to_a_file_and_a_heading(self):
        broken = []
        for page in pages():
            text = page.read_text(encoding="utf8")
            for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
                if "://" in target:
                    continue
                name, _, anchor = target.partition("#")
                file = (page.parent / name).resolve() if name else page
                if not file.exists():
                    broken.append(f"{page.relative_to(ROOT)}: {target}")
                elif anchor and anchor not in anchors(file.read_text(encoding="utf8")):
                    broken.append(f"{page.relative_to(ROOT)}: no heading for {target}")
        self.assertEqual(broken, [])

    def test_every_block_of_the_first_pages_is_one_that_docs_blocks_runs(self):
        for page in docs_blocks.PAGES:
            text = (ROOT / page).read_text(encoding="utf8")
            self.assertGreater(len(docs_blocks.blocks(text)), 4, page)
            shell = docs_blocks.script(text, "/scratch")
            done = subprocess.run(["bash", "-n", "-c", shell], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)

    def test_docs_blocks_keeps_the_order_and_refuses_what_it_cannot_run(self):
        page = ("```\necho 1\nmake all\n```\n\n```python\nx = 2\n```\n"
                "```yaml\n# a.yaml\nx: 3\n```\n")
        shell = docs_blocks.script(page, "/scratch", skipped=["make"])
        places = [shell.index(word) for word in ("echo 1", "x = 2", "x: 3", "validate a.yaml")]
        self.assertEqual(places, sorted(places))
        self.assertNotIn("make all", shell)
        with self.assertRaisesRegex(ValueError, "a block that cannot be run"):
            docs_blocks.script("```yaml\nx: 3\n```\n", "/scratch")

    def test_every_page_can_be_reached_from_the_readme(self):
        reached, waiting = set(), [ROOT / "README.md"]
        while waiting:
            page = waiting.pop()
            if page in reached:
                continue
            reached.add(page)
            for target in re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf8")):
                file = (page.parent / target).resolve()
                if file.is_dir():
                    waiting += file.glob("*.md")
                elif file.suffix == ".md" and file.exists():
                    waiting.append(file)
        self.assertEqual([str(p.relative_to(ROOT)) for p in pages() if p not in reached], [])


if __name__ == "__main__":
    INCIPIT = sys.argv.pop(1)
    unittest.main()
