"""How many cores and threads the scripts take: scripts/cores.sh and scripts/mpirun.sh."""
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
OURS = len(os.sched_getaffinity(0))


def environment(**more):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    return inherited | more


def bash(command, *arguments, **more):
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", command, "bash", *map(str, arguments)],
                          env=environment(**more), capture_output=True, text=True, check=True)
    return done.stdout.strip()


class UsableCores(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.write("bin/nproc", '#!/bin/sh\necho "${OMP_NUM_THREADS:-64}"\n')
        (self.folder / "bin/nproc").chmod(0o755)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def cores(self, membership, **more):
        """Of 64 that nproc sees, with the groups written so far."""
        self.write("membership", membership)
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        return int(bash('. "$1"; usable_cores "$2" "$3"', SCRIPTS / "cores.sh",
                        self.folder / "membership", self.folder / "root", PATH=path, **more))

    def test_no_quota(self):
        self.assertEqual(self.cores("0::/\n"), 64)
        self.assertEqual(self.cores(""), 64)
        self.write("root/a/cpu.max", "max 100000\n")
        self.write("root/cpu/b/cpu.cfs_quota_us", "-1\n")
        self.write("root/cpu/b/cpu.cfs_period_us", "100000\n")
        self.assertEqual(self.cores("4:cpu,cpuacct:/b\n0::/a\n"), 64)

    def test_cpu_max_is_rounded_down_but_not_to_nothing(self):
        for text, cores in (("200000 100000\n", 2), ("290000 100000", 2), ("30000 100000\n", 1),
                            ("25600000 100000\n", 64)):
            self.write("root/cpu.max", text)
            self.assertEqual(self.cores("0::/\n"), cores, text)

    def test_the_smallest_quota_from_the_group_to_the_root_counts(self):
        self.write("root/pods/cpu.max", "300000 100000\n")
        self.write("root/pods/one/cpu.max", "800000 100000\n")
        self.write("root/pods/one/shell/cpu.max", "max 100000\n")
        self.write("root/pods/other/cpu.max", "100000 100000\n")
        self.assertEqual(self.cores("0::/pods/one/shell\n"), 3)

    def test_version_1(self):
        self.write("root/cpu,cpuacct/job/cpu.cfs_quota_us", "150000\n")
        self.write("root/cpu,cpuacct/job/cpu.cfs_period_us", "50000\n")
        self.assertEqual(self.cores("5:cpuset:/job\n2:cpu,cpuacct:/job/step\n"), 3)
        self.write("root/cpu/cpu.cfs_quota_us", "200000\n")  # a container: the path is the host's
        self.write("root/cpu/cpu.cfs_period_us", "100000\n")
        self.assertEqual(self.cores("1:cpu:/docker/0123\n0::/../outside\n"), 2)

    def test_the_number_of_threads_is_not_the_number_of_cores(self):
        self.assertEqual(self.cores("0::/\n", OMP_NUM_THREADS="5"), 64)


class Mpirun(unittest.TestCase):
    def threads(self, ranks, **more):
        return bash('"$1" -n "$2" printenv OMP_NUM_THREADS', SCRIPTS / "mpirun.sh", ranks,
                    **more).split()

    def test_ranks_share_the_cores(self):
        usable = int(bash('. "$1"; usable_cores', SCRIPTS / "cores.sh"))
        self.assertLessEqual(usable, OURS)
        self.assertEqual(self.threads(1), [str(usable)])
        self.assertEqual(self.threads(2), [str(max(1, usable // 2))] * 2)

    def test_the_users_number_wins(self):
        self.assertEqual(self.threads(2, OMP_NUM_THREADS="3"), ["3", "3"])


if __name__ == "__main__":
    unittest.main()
