#!/usr/bin/env python3
"""Packs what a machine with a GPU needs to test and measure Incipit.

    .venv/bin/python bench/gpu/make_bundle.py [--out build/gpu_bundle.tar.gz] [--build build/release]

That machine needs a driver and Python with torch of the version that Incipit is built against, transformers and
PEFT. README.md describes the contents.
"""
import argparse
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
MOST_MIB = 50  # of the archive
# Relative to the build folder. The GPU tests are added.
PROGRAMS = ("launcher/incipit", "launcher/incipit-engine", "bench/vs_peft/incipit_bench_worker")
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "generation_config.json")
# Libraries that every machine has, and that must be its own: the C library with its loader.
OF_THE_SYSTEM = re.compile(r"^(ld-linux|linux-vdso|lib(c|m|dl|rt|pthread|util|resolv)\.so)")
# Those of torch and of the CUDA packages come from that machine's Python.
OF_PYTHON = "/site-packages/"


def fail(message):
    sys.exit(f"make_bundle: {message}")


def gpu_tests(build):
    """Returns {program of tests with the label gpu: GoogleTest's filter for them}."""
    listed = subprocess.run(["ctest", "--test-dir", str(build), "--show-only=json-v1", "-L",
                             "^gpu$"], capture_output=True, text=True, check=True)
    tests = json.loads(listed.stdout)["tests"]
    unbuilt = [test["name"] for test in tests if not test.get("command")
               or test["name"].endswith("_NOT_BUILT")]
    if unbuilt or not tests:
        fail(f"the tests with the label gpu are not built: {', '.join(unbuilt) or 'none found'}")
    filters = {}
    for test in tests:
        program, *arguments = test["command"]
        filters.setdefault(Path(program), []).extend(
            argument.removeprefix("--gtest_filter=") for argument in arguments
            if argument.startswith("--gtest_filter="))
    return {program: ":".join(sorted(filters[program])) or "*" for program in sorted(filters)}


def needed_libraries(program):
    """Returns {name: path} of the libraries that the bundle must have for a program or library."""
    listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True)
    if "not a dynamic executable" in listed.stderr or "statically linked" in listed.stdout:
        return {}
    if listed.returncode != 0:
        fail(f"ldd {program}: {listed.stderr.strip()}")
    found = {}
    for line in listed.stdout.splitlines():
        name, _, place = line.strip().partition(" => ")
        if place.startswith("not found"):
            fail(f"{program} needs {name}, which is not found")
        path = place.split(" (")[0]
        if path and not OF_THE_SYSTEM.match(name) and OF_PYTHON not in path:
            found[name] = Path(path).resolve()
    return found


def newest_glibc(files):
    """Returns the newest version of the C library that the files need."""
    versions = set()
    for file in files:
        symbols = subprocess.run(["objdump", "-T", str(file)], capture_output=True, text=True)
        versions |= set(re.findall(r"GLIBC_(\d+)\.(\d+)", symbols.stdout))
    return ".".join(map(str, max(tuple(map(int, version)) for version in versions)))


def copy_stripped(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["strip", "--strip-unneeded", "-o", str(target), str(source)], check=True)
    target.chmod(0o755)


def commit():
    def git(*arguments):
        return subprocess.run(["git", "-C", str(REPOSITORY), *arguments], capture_output=True,
                              text=True).stdout.strip()
    return git("rev-parse", "--short", "HEAD") + (" with changes" if git("status", "--porcelain")
                                                  else "")


def copy_scripts(folder):
    """Copies the scripts of this folder and of vs_peft, which they share code with."""
    for source in (HERE, HERE.parent / "vs_peft"):
        target = folder / "bench" / source.name
        target.mkdir(parents=True)
        for file in sorted([*source.glob("*.py"), *source.glob("*.sh"), source / "README.md"]):
            shutil.copy(file, target)


def fill(folder, build, tokenizer):
    """Writes the contents of the bundle to an empty folder."""
    sources = {f"bin/{Path(name).name}": build / name for name in PROGRAMS}
    tests = gpu_tests(build)
    sources |= {f"tests/{path.name}": path for path in tests}
    # Modules that programs load at run time.
    modules = sorted(build.rglob("libincipit_*.so"))
    sources |= {f"lib/{path.name}": path for path in modules}
    libraries = {}
    for source in sources.values():
        if not source.exists():
            fail(f"{source} does not exist: build it first (scripts/setup.sh)")
        libraries |= needed_libraries(source)
    sources |= {f"lib/{name}": path for name, path in sorted(libraries.items())}
    for name, source in sources.items():
        copy_stripped(source, folder / name)
    copy_scripts(folder)
    (folder / "tokenizer").mkdir()
    for name in TOKENIZER:
        shutil.copy(tokenizer / name, folder / "tokenizer")
    about = {"commit": commit(), "glibc": newest_glibc(folder / name for name in sources),
             "tests": {path.name: filter for path, filter in tests.items()},
             "modules": [path.name for path in modules]}
    (folder / "bundle.json").write_text(json.dumps(about) + "\n")
    return about


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=REPOSITORY / "build" / "gpu_bundle.tar.gz")
    parser.add_argument("--build", type=Path, default=REPOSITORY / "build" / "release")
    parser.add_argument("--tokenizer", type=Path, metavar="MODEL",
                        default=REPOSITORY / "models" / "smollm2-135m-instruct")
    parser.add_argument("--compression", type=int, default=6, choices=range(1, 10), metavar="1-9")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "gpu_bundle"
        folder.mkdir()
        about = fill(folder, arguments.build.resolve(), arguments.tokenizer)
        with tarfile.open(arguments.out, "w:gz", compresslevel=arguments.compression) as archive:
            archive.add(folder, "gpu_bundle")
    mib = arguments.out.stat().st_size / 2**20
    print(f"{arguments.out}: {mib:.1f} MiB, Incipit at {about['commit']}, needs glibc "
          f"{about['glibc']} or later")
    if not about["modules"]:
        print("without libincipit_cuda.so, the GPU kernels: the build found no nvcc (docs/gpu.md)")
    if mib > MOST_MIB:
        fail(f"the bundle has {mib:.1f} MiB; at most {MOST_MIB} are allowed")


if __name__ == "__main__":
    main()
