#!/usr/bin/env python3
"""Writes a bill of materials of the built program as SPDX 2.3 JSON to standard output.

    scripts/bill_of_materials.py [--build build/release] > incipit.spdx.json

Lists incipit, the two programs with their SHA-256, every library that the dynamic linker loads for
incipit-engine with the Debian package or Python wheel that it comes from, and the header-only
libraries that are compiled in. SOURCE_DATE_EPOCH sets the time of creation, so that equal builds
give equal bytes.
"""
import argparse
import datetime
import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = ("incipit", "incipit-engine")
HEADER_ONLY = ("nlohmann-json3-dev", "libcli11-dev")  # Debian packages
NONE = "NOASSERTION"


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def version():
    return re.search(r"project\(incipit VERSION ([\d.]+)",
                     (ROOT / "CMakeLists.txt").read_text()).group(1)


def loaded_libraries(program):
    """Returns the paths of the libraries that the dynamic linker loads."""
    return sorted(Path(path) for path in re.findall(r"=> (/\S+)", output("ldd", program)))


def debian_package(path):
    """Returns the Debian package that a file belongs to, or None."""
    real = str(path.resolve())
    # Packages may list /lib/... for what is now /usr/lib/...
    for name in (real, real.removeprefix("/usr")):
        found = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True)
        if found.returncode == 0:
            return found.stdout.splitlines()[0].split(": ")[0].split(":")[0]
    return None


def wheels(paths):
    """Returns {path: Python distribution} of the files that a wheel installed."""
    owners = {}
    sites = {str(site): site for path in paths for site in path.parents
             if site.name == "site-packages"}
    for site in sites:
        for wheel in importlib.metadata.distributions(path=[site]):
            for file in wheel.files or []:
                owners[str(Path(site, file).resolve())] = wheel
    return {path: owners[str(path.resolve())] for path in paths if str(path.resolve()) in owners}


def identifier(*parts):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", "-".join(parts))


def package(kind, name, version_info, url, **more):
    return {"SPDXID": identifier(kind, name), "name": name, "versionInfo": version_info,
            "downloadLocation": NONE, "filesAnalyzed": False, "licenseConcluded": NONE,
            "licenseDeclared": NONE, "copyrightText": NONE,
            "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                              "referenceLocator": url}]} | more


def debian(name):
    fields = output("dpkg-query", "-W", "-f", "${Version}\t${Homepage}", name).split("\t")
    release = dict(line.rstrip().replace('"', "").split("=", 1)
                   for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    found = package("deb", name, fields[0], f"pkg:deb/{release['ID']}/{name}@"
                    + fields[0].replace(":", "%3A").replace("+", "%2B"))
    return found | ({"homepage": fields[1]} if fields[1] else {})


def python_wheel(wheel):
    name, number = wheel.metadata["Name"], wheel.version
    return package("pypi", name, number, f"pkg:pypi/{name.lower()}@{number.replace('+', '%2B')}")


def dependencies(libraries):
    """Returns {SPDX id: (package, relationship)} of what the program uses."""
    from_wheels = wheels(libraries)
    found = [(debian(name), "STATIC_LINK") for name in HEADER_ONLY]
    for path in libraries:
        if path in from_wheels:
            found.append((python_wheel(from_wheels[path]), "DYNAMIC_LINK"))
        elif name := debian_package(path):
            found.append((debian(name), "DYNAMIC_LINK"))
        else:
            raise SystemExit(f"{path}: neither a Debian package nor a Python wheel installed it")
    return {each["SPDXID"]: (each, how) for each, how in found}


def described_file(path):
    content = path.read_bytes()
    return {"SPDXID": identifier("File", path.name), "fileName": f"./bin/{path.name}",
            "checksums": [{"algorithm": name.upper(),
                           "checksumValue": hashlib.new(name, content).hexdigest()}
                          for name in ("sha1", "sha256")],
            "fileTypes": ["BINARY"], "licenseConcluded": NONE, "copyrightText": NONE}


def verification_code(files):
    """SPDX 2.3, 7.9: the SHA-1 of the files' sorted SHA-1s."""
    sums = sorted(file["checksums"][0]["checksumValue"] for file in files)
    return hashlib.sha1("".join(sums).encode()).hexdigest()


def bill(build):
    programs = [described_file(build / "launcher" / name) for name in PROGRAMS]
    used = dependencies(loaded_libraries(build / "launcher" / "incipit-engine"))
    own = package("Package", "incipit", version(), f"pkg:generic/incipit@{version()}",
                  licenseDeclared="Apache-2.0", filesAnalyzed=True,
                  licenseInfoFromFiles=[NONE],
                  packageVerificationCode={
                      "packageVerificationCodeValue": verification_code(programs)})
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", own["SPDXID"])]
    relations += [(own["SPDXID"], "CONTAINS", each["SPDXID"]) for each in programs]
    relations += [(own["SPDXID"], how, name) for name, (_, how) in sorted(used.items())]
    digest = hashlib.sha256("".join(each["checksums"][1]["checksumValue"]
                                    for each in programs).encode()).hexdigest()
    now = int(os.environ.get("SOURCE_DATE_EPOCH", datetime.datetime.now().timestamp()))
    created = datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
    return {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
            "name": f"incipit-{version()}",
            "documentNamespace": f"https://spdx.org/spdxdocs/incipit-{version()}-{digest}",
            "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
                             "creators": ["Tool: incipit-bill_of_materials.py"]},
            "packages": [own, *(used[name][0] for name in sorted(used))], "files": programs,
            "relationships": [{"spdxElementId": one, "relationshipType": kind,
                               "relatedSpdxElement": other} for one, kind, other in relations]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    build = parser.parse_args().build
    for name in PROGRAMS:
        if not (build / "launcher" / name).is_file():
            sys.exit(f"{build}/launcher/{name} is missing; build it with scripts/setup.sh")
    print(json.dumps(bill(build), indent=1))


if __name__ == "__main__":
    main()
