"""The table of faults that scripts/test.sh prints."""
import importlib.util
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "fault_table.py"
spec = importlib.util.spec_from_file_location("fault_table", SCRIPT)
fault_table = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fault_table)

PAGE = """| fault | what | test |
|---|---|---|
| a rank is killed | it ends | `comm_faults` (MPI), `faults.chaos` (MPI) |
| disk full | exit code 3 | `faults.disk` |
| a clock that jumps | nothing | `faults.clock` |
"""
RESULTS = """<testsuite>
<testcase name="comm_faults.Job.Ends" status="run"><system-out>[ OK ]</system-out></testcase>
<testcase name="faults.chaos" status="run"><system-out>  faults injected 7, survived 7
</system-out></testcase>
<testcase name="faults.disk" status="fail"><failure message=""/><system-out>.F.
Ran 3 tests in 2.1s
</system-out></testcase>
<testcase name="faults.clock" status="notrun"><skipped message="no"/></testcase>
<testcase name="core.Json" status="run"><system-out></system-out></testcase>
</testsuite>"""


class FaultTable(unittest.TestCase):
    def rows(self, results):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "results.xml"
            path.write_text(results)
            return [line.rsplit(maxsplit=3) for line in
                    fault_table.table(PAGE, fault_table.results(path)) if line][1:]

    def test_counts_the_faults_of_the_tests_that_ran(self):
        self.assertEqual(self.rows(RESULTS),
                         [["a rank is killed", "8", "8", "0"], ["disk full", "3", "0", "3"],
                          ["in all (a test may serve several rows)", "11", "8", "3"]])

    def test_is_absent_where_no_test_injected_a_fault(self):
        self.assertEqual(self.rows("<testsuite/>"), [])

    def test_the_summary_stays_last(self):
        said = subprocess.run([sys.executable, SCRIPT, "/nonexistent/results.xml"], text=True,
                              input="1/1 Test #1: a ... Passed\n\n100% tests passed, 0 tests failed "
                                    "out of 1\n\nTotal Test time (real) = 1 sec\n",
                              capture_output=True, check=True).stdout
        self.assertEqual(said.splitlines()[0], "1/1 Test #1: a ... Passed")
        self.assertEqual(said.splitlines()[-1], "Total Test time (real) = 1 sec")


if __name__ == "__main__":
    unittest.main(verbosity=2)
