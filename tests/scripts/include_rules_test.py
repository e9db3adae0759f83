"""The include checker notices each kind of violation and accepts what is allowed."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import include_rules  # noqa: E402


class IncludeRules(unittest.TestCase):
    def violations(self, name, text):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.parent.mkdir(parents=True)
            path.write_text(text, encoding="utf8")
            return list(include_rules.check(Path(folder)))

    def test_allowed_includes_pass(self):
        for name, header in [("model/a.h", '"core/forest.h"'), ("model/a.h", '"model/b.h"'),
                             ("configs/a.h", '"trainer/train_options.h"'), ("core/a.h", "<vector>"),
                             ("model/a.h", "<ATen/core/Tensor.h>"),
                             ("tests/unit/core/a.cpp", '"launcher/x.h"')]:
            self.assertEqual(self.violations(name, f"#include {header}\n"), [], (name, header))

    def test_include_against_the_table(self):
        (violation,) = self.violations("core/a.h", '\n#include "model/b.h"\n')
        self.assertIn("core/a.h:2: core may not include model", violation)

    def test_configs_reach_only_options(self):
        self.assertEqual(len(self.violations("configs/a.h", '#include "trainer/step.h"\n')), 1)

    def test_include_not_from_the_root(self):
        self.assertEqual(len(self.violations("model/a.cpp", '#include "a.h"\n')), 1)

    def test_only_examples_include_what_is_installed(self):
        self.assertEqual(self.violations("examples/a.cpp", "#include <incipit/core/error.h>\n"), [])
        self.assertEqual(len(self.violations("examples/a.cpp", '#include "core/error.h"\n')), 1)
        self.assertEqual(len(self.violations("model/a.cpp", "#include <incipit/core/error.h>\n")), 1)

    def test_torch_where_it_does_not_belong(self):
        self.assertEqual(len(self.violations("core/a.h", "#include <ATen/core/Tensor.h>\n")), 1)

    def test_wide_torch_header(self):
        self.assertEqual(len(self.violations("model/a.h", "#include <torch/torch.h>\n")), 1)

    def test_link_against_the_table(self):
        text = "incipit_library(data SOURCES a.cpp PUBLIC incipit::model)\n"
        self.assertEqual(len(self.violations("data/CMakeLists.txt", text)), 1)

    def test_too_long_a_file(self):
        self.assertEqual(len(self.violations("eval/a.cpp", "\n" * 501)), 1)
        self.assertEqual(self.violations("eval/a.cpp", "\n" * 500), [])


if __name__ == "__main__":
    unittest.main()
