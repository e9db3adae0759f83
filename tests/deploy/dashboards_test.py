#!/usr/bin/env python3
"""Alerts, recording rules and the Grafana dashboard are valid and name metrics that exist.

promtool (package prometheus) and grafana-foundation-sdk (requirements-test.txt) do more where they
are installed.
"""
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS, GRAFANA = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "grafana"
RULE_TESTS = Path(__file__).with_name("alerts_test.yml")


def exported():
    """{name: labels} that the program exports, from docs/metrics.md, which a test compares with a
    scrape; each histogram by its three names."""
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf8").split("## Questions")[0]
    names = {}
    for name, kind, labels in re.findall(r"^\| `(incipit_\w+)` \| (\w+) \|([^|]*)\|", text, re.M):
        parts = ["_bucket", "_sum", "_count"] if kind == "histogram" else [""]
        for part in parts:
            names[name + part] = set(re.findall(r"`(\w+)`", labels))
    return names


def rules(name):
    return [rule for group in yaml.safe_load((PROMETHEUS / name).read_text())["groups"]
            for rule in group["rules"]]


def recorded():
    return {rule["record"] for rule in rules("recording.yml")}


def panels():
    return [panel for panel in json.loads((GRAFANA / "incipit.json").read_text())["panels"]
            if panel["type"] != "row"]


def queries():
    return [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]


class Names(unittest.TestCase):
    def check(self, where, expression):
        names = set(re.findall(r"\b(?:\w+:)?incipit_?[\w:]*", re.sub(r'"[^"]*"', '""', expression)))
        self.assertTrue(names, where)
        for name in names:
            known = recorded() if ":" in name else exported()
            self.assertIn(name, known, f"{where}: {expression}")

    def test_there_are_exported_names(self):
        self.assertGreater(len(exported()), 25)

    def test_rules_use_exported_metrics(self):
        for name in ("recording.yml", "alerts.yml"):
            for rule in rules(name):
                self.check(rule.get("record") or rule["alert"], rule["expr"])

    def test_the_dashboard_uses_exported_metrics(self):
        for title, query in queries():
            self.check(title, query)

    def test_legends_use_labels_of_the_series(self):
        for panel in panels():
            for target in panel["targets"]:
                known = {label for name, labels in exported().items() if name in target["expr"]
                         for label in labels}
                if ":" in target["expr"]:
                    known.add("rank")
                for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                    self.assertIn(label, known, panel["title"])

    def test_the_dashboard_shows_every_metric(self):
        shown = " ".join(query for _, query in queries())
        for rule in rules("recording.yml"):
            if rule["record"] in shown:
                shown += " " + rule["expr"]
        for name in exported():
            if not name.endswith(("_bucket", "_count", "_sum")):
                self.assertIn(name, shown)


class Alerts(unittest.TestCase):
    def test_each_says_what_happened_and_what_to_do(self):
        for rule in rules("alerts.yml"):
            self.assertIn(rule["labels"]["severity"], ("page", "ticket"), rule["alert"])
            self.assertIn("{{ $labels.job }}", rule["annotations"]["summary"])
            self.assertGreater(len(rule["annotations"]["description"]), 60, rule["alert"])

    def test_each_is_seen_firing_in_a_rule_test(self):
        text = RULE_TESTS.read_text()
        fired = set(re.findall(r'alertname="(\w+)"', text))
        fired |= set(re.findall(r"alertname: (\w+)\n\s+exp_alerts", text))
        self.assertEqual(fired, {rule["alert"] for rule in rules("alerts.yml")})


@unittest.skipUnless(shutil.which("promtool"), "promtool is missing (package prometheus)")
class Promtool(unittest.TestCase):
    def promtool(self, *arguments):
        done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_configuration_and_its_rules_are_valid(self):
        self.promtool("check", "config", PROMETHEUS / "prometheus.yml")

    def test_alerts_fire_when_they_should_and_only_then(self):
        self.promtool("test", "rules", RULE_TESTS)

    def test_every_query_of_the_dashboard_parses(self):
        groups = {"groups": [{"name": "panels", "rules": [
            {"record": f"panel:{index}", "expr": query.replace("$job", "incipit")}
            for index, (_, query) in enumerate(queries())]}]}
        done = subprocess.run(["promtool", "check", "rules", "/dev/stdin"], input=yaml.dump(groups),
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Dashboard(unittest.TestCase):
    def test_the_file_is_what_its_script_writes(self):
        done = subprocess.run([sys.executable, GRAFANA / "make_dashboard.py", "--check"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_panels_do_not_overlap(self):
        taken = set()
        for panel in json.loads((GRAFANA / "incipit.json").read_text())["panels"]:
            place = panel["gridPos"]
            cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"])
                     for y in range(place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            self.assertLessEqual(place["x"] + place["w"], 24)
            taken |= cells

    def test_the_source_of_the_provisioning_is_a_prometheus(self):
        sources = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())
        self.assertEqual([each["type"] for each in sources["datasources"]], ["prometheus"])
        provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/incipit.yaml").read_text())
        self.assertEqual(provider["providers"][0]["type"], "file")

    @unittest.skipUnless(importlib.util.find_spec("grafana_foundation_sdk"),
                         "grafana-foundation-sdk is missing (requirements-test.txt)")
    def test_grafanas_own_model_reads_every_panel(self):
        from grafana_foundation_sdk.cog.plugins import register_default_plugins
        from grafana_foundation_sdk.models.dashboard import Dashboard as Model
        register_default_plugins()
        given = json.loads((GRAFANA / "incipit.json").read_text())
        read = Model.from_json(given)
        self.assertEqual(read.uid, given["uid"])
        self.assertEqual([panel.title for panel in read.panels],
                         [panel["title"] for panel in given["panels"]])
        for panel, source in zip(read.panels, given["panels"], strict=True):
            targets = getattr(panel, "targets", None) or []
            self.assertEqual([target.expr for target in targets],
                             [target["expr"] for target in source.get("targets", [])])
            if targets:
                self.assertEqual(panel.field_config.defaults.unit,
                                 source["fieldConfig"]["defaults"]["unit"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
