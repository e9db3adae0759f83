"""docs/faults.md names tests that exist.  faults_page_test.py BUILD"""
import re
import subprocess
import sys
import unittest
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"


class FaultsPage(unittest.TestCase):
    def test_every_row_names_tests_that_exist(self):
        listed = subprocess.run(["ctest", "--test-dir", BUILD, "-N"], capture_output=True, text=True,
                                timeout=100, check=True).stdout
        names = re.findall(r"Test +#\d+: (\S+)", listed)
        rows = re.findall(r"^\| .* \| .* \| (.*) \|$", PAGE.read_text(encoding="utf8"), re.M)
        tests = [name for row in rows for name in re.findall(r"`([\w.]+)`", row)]
        self.assertGreater(len(tests), 20)
        built = {name.split(".")[0] for name in names}
        for test in tests:
            if test.split(".")[0] in built or "." not in test:
                optional = test.startswith("comm_nccl")  # only where NCCL was found
                self.assertTrue(optional or any(re.search(test, name) for name in names), test)


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    unittest.main(verbosity=2)
