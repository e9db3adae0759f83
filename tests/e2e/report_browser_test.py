#!/usr/bin/env python3
"""A report in a real browser: on a phone nothing sticks out, and nothing is complained of.
report_browser_test.py INCIPIT MPIRUN"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import program
import report_test

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
               None)
# A page that shows another at the width of a phone, whatever width a window may have.
FRAME = """<!DOCTYPE html><iframe id="phone" src="{page}" style="width:{width}px;height:800px">
</iframe><script>
document.getElementById("phone").addEventListener("load", event => {{
  const shown = event.target.contentDocument.documentElement;
  document.title = "width " + shown.scrollWidth + " " + event.target.contentWindow.innerWidth +
      " height " + shown.scrollHeight;
}});
</script>"""


def browse(page, *options):
    # The browser writes below its home, which a test has no business with.
    with tempfile.TemporaryDirectory() as home:
        return subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--allow-file-access-from-files", "--enable-logging=stderr", "--v=0",
             f"--user-data-dir={home}/profile", "--virtual-time-budget=5000", *options,
             page.as_uri()],
            capture_output=True, text=True, encoding="utf8", timeout=90,
            env=os.environ | {"HOME": home})


class InABrowser(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls().incipit("train", cls.config)
        labels = ("a-label-of-quite-some-length-without-a-space", "blue", "green", "red", "amber",
                  "violet")
        cls.runs = [report_test.write_run(cls.folder / name,
                                          report_test.invented(60, share, 1, labels))
                    for name, share in (("a-method-with-a-name-of-quite-some-length", 0.9),
                                        ("other", 0.6))]

    def check_page(self, page):
        frame = self.write(f"{page.stem}_frame.html", FRAME.format(page=page.as_uri(), width=360))
        done = browse(frame, "--dump-dom")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = re.search(r"<title>width (\d+) (\d+) height (\d+)</title>", done.stdout)
        self.assertTrue(found, done.stdout + done.stderr)
        width, window, height = map(int, found.groups())
        self.assertLessEqual(width, window)
        self.assertEqual(window, 360)
        self.assertGreater(height, 1000)
        self.assertNotIn("CONSOLE", done.stderr)

    def test_one_run_on_a_phone(self):
        self.incipit("report", "run")
        self.check_page(self.folder / "run" / "report.html")

    def test_a_comparison_on_a_phone(self):
        self.incipit("report", *self.runs)
        page = self.folder / "report.html"
        page.write_text(page.read_text().replace("<details>", "<details open>"))
        self.check_page(page)

    def test_a_page_that_sticks_out_would_be_found(self):
        wide = self.write("wide.html", '<!DOCTYPE html><div style="width:900px">x</div>' + "<br>" *
                          100)
        with self.assertRaises(AssertionError):
            self.check_page(wide)


if __name__ == "__main__":
    if BROWSER is None:
        print("skipped: no Chromium here (scripts/setup.sh --tests installs it)")
        sys.exit(77)
    program.main()
