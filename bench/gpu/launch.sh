#!/bin/sh
# launch.sh PROGRAM [ARGUMENTS...]: runs a program of the bundle with the bundle's libraries, and
# with libtorch, NCCL and the CUDA runtime of the packages of $PYTHON (python3).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
packages=$("${PYTHON:-python3}" - <<'END'
import importlib.util
import pathlib
import sys

torch = importlib.util.find_spec("torch")
if torch is None:
    sys.exit(f"launch.sh: {sys.executable} has no torch; set PYTHON to one that has it")
folders = [pathlib.Path(torch.origin).parent / "lib"]
nvidia = importlib.util.find_spec("nvidia")
for place in nvidia.submodule_search_locations if nvidia else []:
    folders += sorted(pathlib.Path(place).glob("*/lib"))
print(":".join(map(str, folders)))
END
)
export LD_LIBRARY_PATH="$root/lib:$packages${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$@"
