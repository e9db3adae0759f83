"""scripts/bill_of_materials.py writes valid SPDX that names all that the program loads.

    bill_of_materials_test.py BUILD
"""
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "bill_of_materials.py"


def problems(text):
    """What the reference tools of SPDX find wrong."""
    from spdx_tools.spdx.parser.parse_anything import parse_file
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bill.spdx.json"
        path.write_text(text)
        return [each.validation_message for each in validate_full_spdx_document(
            parse_file(str(path)))]


class BillOfMaterials(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = subprocess.run([sys.executable, SCRIPT, "--build", BUILD], capture_output=True,
                                  text=True, check=True,
                                  env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}).stdout
        cls.bill = json.loads(cls.text)

    def test_names_what_is_loaded_and_compiled_in(self):
        names = {package["name"] for package in self.bill["packages"]}
        self.assertLessEqual({"incipit", "torch", "libc6", "libstdc++6", "libssl3",
                              "nlohmann-json3-dev"}, {name.removesuffix("t64") for name in names})
        self.assertTrue(any(name.startswith("libopenmpi3") for name in names), names)
        self.assertTrue(all(package["versionInfo"] for package in self.bill["packages"]))
        self.assertEqual(self.bill["creationInfo"]["created"], "2023-11-14T22:13:20Z")

    def test_states_the_hashes_of_the_programs(self):
        stated = {Path(file["fileName"]).name: file["checksums"][1]["checksumValue"]
                  for file in self.bill["files"]}
        self.assertEqual(stated, {
            name: hashlib.sha256((BUILD / "launcher" / name).read_bytes()).hexdigest()
            for name in ("incipit", "incipit-engine")})

    @unittest.skipUnless(importlib.util.find_spec("spdx_tools"), "needs spdx-tools")
    def test_is_valid_spdx(self):
        self.assertEqual(problems(self.text), [])
        other = self.text.replace('"SPDXRef-pypi-torch"', '"SPDXRef-pypi-nothing"', 1)
        self.assertNotEqual(problems(other), [])


if __name__ == "__main__":
    BUILD = Path(sys.argv.pop(1))
    unittest.main(verbosity=2)
