"""The programs are built with the hardening flags of cmake/IncipitHardening.cmake.

    hardening_test.py BUILD
"""
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def missing(program):
    """Returns the names of the protections that an ELF program lacks."""
    elf = output("readelf", "--wide", "--file-header", "--program-headers", "--dynamic", program)
    symbols = output("readelf", "--wide", "--symbols", program)
    stack = re.search(r"GNU_STACK .* (\w+) +0x", elf)
    has = {
        "position-independent": bool(re.search(r"Type: +DYN", elf)) and "PIE" in elf,
        "relro": "GNU_RELRO" in elf,
        "now": bool(re.search(r"\(FLAGS\).*BIND_NOW|\(FLAGS_1\).*NOW", elf)),
        "noexecstack": stack is not None and "E" not in stack.group(1),
        "stack protector": "__stack_chk_fail" in symbols,
        "fortified": bool(re.search(r" __(?!stack)\w+_chk\b", symbols)),
    }
    return {name for name, there in has.items() if not there}


class Hardening(unittest.TestCase):
    def test_the_programs_are_hardened(self):
        for name in ("incipit", "incipit-engine"):
            with self.subTest(name):
                self.assertEqual(missing(BUILD / "launcher" / name), set())

    def test_what_is_missing_is_found(self):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "main.c")
            source.write_text("#include <string.h>\nint main(int n, char** v) "
                              "{ char a[9]; strcpy(a, v[n - 1]); return a[0]; }\n")
            program = Path(folder, "program")
            subprocess.run(["cc", source, "-o", program, "-O1", "-no-pie", "-fno-pie",
                            "-fno-stack-protector", "-U_FORTIFY_SOURCE", "-Wl,-z,norelro",
                            "-Wl,-z,lazy", "-Wl,-z,execstack"], check=True)
            self.assertEqual(missing(program), {"position-independent", "relro", "now",
                                                "noexecstack", "stack protector", "fortified"})


if __name__ == "__main__":
    BUILD = Path(sys.argv.pop(1))
    cache = (BUILD / "CMakeCache.txt").read_text()
    if "INCIPIT_HARDENING:BOOL=ON" not in cache or "CMAKE_BUILD_TYPE:STRING=Release" not in cache:
        print("skipped: not a release build with INCIPIT_HARDENING")
        sys.exit(77)
    unittest.main(verbosity=2)
