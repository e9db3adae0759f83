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
        missing = [test for test in tests if not any(re.search(test, name) for name in names)
                   and not test.startswith("comm_nccl")]  # only where NCCL was found
        if any("NOT_BUILT" in name for name in names):
            programs = {name.split(".")[0] for name in names}
            missing = [test for test in missing if test.split(".")[0] in programs]
        self.assertEqual(missing, [])


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    unittest.main(verbosity=2)
