"""shellcheck finds no error or warning in any shell script."""
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def scripts():
    """Files of the repository that a shell runs."""
    names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                           cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    for path in (ROOT / name for name in names if name):
        if not path.is_file():
            continue
        with path.open("rb") as file:
            first = file.readline()
        if path.suffix == ".sh" or (first.startswith(b"#!") and first.rstrip().endswith(b"sh")):
            yield path


if __name__ == "__main__":
    if shutil.which("shellcheck") is None:
        print("skipped: shellcheck is missing (package shellcheck)")
        sys.exit(77)
    found = sorted(scripts())
    assert len(found) > 8, found
    sys.exit(subprocess.run(["shellcheck", "-S", "warning", *found]).returncode)
