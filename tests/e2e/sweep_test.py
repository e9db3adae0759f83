#!/usr/bin/env python3
"""Sweeps: several prompts in one job.  sweep_test.py INCIPIT MPIRUN"""
import json
import subprocess
import time

import program


def bytes_of(run, name):
    return (run / name).read_bytes()


def steps_of(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "loss" in line]


class Sweep(program.ProgramTest):
    SWEEP = "sweep: {lr: [0.01, 0.05], seed: [3, 4]}\n"
    MEMBERS = ["lr0.01-seed3", "lr0.01-seed4", "lr0.05-seed3", "lr0.05-seed4"]

    def config_with(self, name, block=SWEEP):
        return self.write(f"{name}.yaml", self.config.read_text() + block)

    def train(self, name, *arguments, **options):
        run = self.folder / name
        self.incipit("train", self.config_with(name), "--set", f"run.output_dir={run}", *arguments,
                     **options)
        return run

    def test_trains_every_combination_and_reports(self):
        run = self.train("whole")
        scores = json.loads((run / "scores.json").read_text())
        self.assertEqual(sorted(scores), sorted([
            *self.MEMBERS, *(f"lr{lr}-{how}" for lr in ("0.01", "0.05")
                             for how in ("vote", "mean_probability"))]))
        for member in self.MEMBERS:
            self.assertTrue((run / "adapter/best" / member / "adapter_config.json").exists())
        figures = self.folder / "figures.json"
        shown = self.incipit("report", run, "--json", figures).stdout
        self.assertIn("lr0.05", shown)
        report = json.loads(figures.read_text())
        self.assertEqual([m["name"] for m in report["members"]], self.MEMBERS)
        for setting in report["settings"]:
            tests = [m["test"] for m in report["members"] if m["setting"] == setting["name"]]
            self.assertAlmostEqual(setting["test"]["mean"], sum(tests) / 2)
            self.assertEqual(setting["ensemble"]["vote"],
                             scores[f"{setting['name']}-vote"]["test"]["accuracy"])
        self.assertGreater(report["cost"]["seconds"], 0)
        self.assertEqual(steps_of(run)[0]["learning_rates"],
                         {m: float(m.split("-")[0][2:]) for m in self.MEMBERS})
        self.assertIn("lr0.05-seed4", (run / "report.html").read_text(encoding="utf8"))
        self.assertIn("<svg", self.page_of(run, self.MEMBERS[0]))

    def page_of(self, run, member):
        page = self.folder / "member.html"
        self.incipit("report", run, "--task", member, "--output", page)
        return page.read_text(encoding="utf8")

    def test_a_member_is_the_prompt_of_a_run_of_its_own(self):
        # run.seed, which is 5 here, draws validation splits: without one, the members' seeds draw
        # all that a run's seed does.
        single = self.variant("single.yaml", "validation: 0.25", "validation: 0")
        sweep = self.write("members.yaml", single.read_text() + self.SWEEP)
        folders = self.folder / "members", self.folder / "alone"
        for config, folder, words in ((sweep, folders[0], ()), (single, folders[1], (
                "--set", "run.seed=4", "--set", "train.optimizer.lr=0.05"))):
            self.incipit("train", config, "--set", f"run.output_dir={folder}", "--set",
                         "train.eval_every=0", *words)
        for together, alone in zip(*map(steps_of, folders), strict=True):
            self.assertAlmostEqual(together["losses"]["lr0.05-seed4"], alone["loss"], places=4)

    def test_resumes_to_the_same_bytes(self):
        whole = self.train("whole_run", "--set", "train.checkpoint_every=2")
        config = self.config_with("parts")
        run = self.folder / "parts"
        words = [program.INCIPIT, "train", str(config), "--set", f"run.output_dir={run}", "--set",
                 "train.checkpoint_every=2"]
        child = subprocess.Popen(words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for _ in range(600):
            if (run / "checkpoints/step-2").exists():
                break
            time.sleep(0.02)
        child.kill()
        child.wait()
        self.incipit(*words[1:])
        for member in self.MEMBERS:
            for which in ("best", "last"):
                name = f"adapter/{which}/{member}/adapter_model.safetensors"
                self.assertEqual(bytes_of(run, name), bytes_of(whole, name))
        self.assertEqual(bytes_of(run, "scores.json"), bytes_of(whole, "scores.json"))

    def test_learns_the_same_on_every_mesh_and_in_parts(self):
        # A micro-batch of 9 rows is smaller than the prompts together, which are cut into parts.
        block = "sweep: {num_virtual_tokens: [2, 5], seed: [3, 4]}\n"
        config, runs = self.config_with("meshes", block), []
        for name, ranks, *settings in (
                ("one", 0), ("data", 2), ("tensor", 2, "parallel.tensor=2"),
                ("parts", 0, "train.micro_batch_tokens=9"),
                ("fsdp", 2, "parallel.fsdp=2", "train.micro_batch_tokens=9"),
                ("pipeline", 2, "parallel.pipeline=2", "train.micro_batch_tokens=9")):
            runs.append(self.folder / f"mesh {name}")
            words = [word for each in settings for word in ("--set", each)]
            self.incipit("train", config, "--set", f"run.output_dir={runs[-1]}", *words,
                         ranks=ranks)
        for run in runs[1:]:
            for one, other in zip(steps_of(runs[0]), steps_of(run), strict=True):
                self.assertEqual(one["losses"].keys(), other["losses"].keys())
                for member, loss in one["losses"].items():
                    self.assertAlmostEqual(loss, other["losses"][member], places=5, msg=run.name)

    def test_evaluates_members_again(self):
        run = self.train("evaluated")
        before = json.loads((run / "scores.json").read_text())
        done = json.loads(self.incipit("eval", run, "--json").stdout)
        self.assertEqual(done["scores"], before)
        shown = self.incipit("eval", run, "--split", "validation", "test").stdout
        self.assertIn("lr0.05-mean_probability", shown)
        self.assertIn("member", self.refused(2, "predict", run))

    def test_every_method_with_prompts_has_sweeps(self):
        for kind, block in (("prefix_tuning", "sweep: {num_virtual_tokens: [2, 3], seed: [1, 2]}"),
                            ("cartridge", "sweep: {num_virtual_tokens: [2, 3], lr: [0.001, 0.01]}"),
                            ("p_tuning", "sweep: {seed: [1, 2]}"),
                            ("multitask_prompt_tuning", "sweep: {seed: [1, 2]}"),
                            ("lora", "sweep: {lr: [0.001, 0.01]}")):
            config = self.config_with(kind, block + "\n")
            run = self.folder / kind
            text = ["--set", "method.init.text=the sky is"] if kind == "cartridge" else []
            self.incipit("train", config, "--set", f"run.output_dir={run}", "--set",
                         f"method.kind={kind}", "--set", "method.init.kind=auto", *text)
            before = json.loads((run / "scores.json").read_text())
            done = json.loads(self.incipit("eval", run, "--json").stdout)
            self.assertEqual(done["scores"], before)

    def test_does_not_resume_another_sweep(self):
        checkpoints = "--set", "train.checkpoint_every=2"
        run = self.train("changed", *checkpoints)
        manifest = json.loads((run / "manifest.json").read_text())
        manifest["finished"] = None
        (run / "manifest.json").write_text(json.dumps(manifest))
        message = self.refused(2, "train", self.config_with("changed", "sweep: {lr: [0.01, 0.02]}\n"),
                               "--set", f"run.output_dir={run}", *checkpoints)
        self.assertIn("sweep", message)

    def test_members_can_be_explained(self):
        best = self.train("explained") / "adapter/best"
        done = self.incipit("explain", best / self.MEMBERS[0], best / self.MEMBERS[1],
                            "--examples", "4", "--json")
        found = json.loads(done.stdout)
        self.assertEqual(len(found["positions"]), 4)
        self.assertIn("patched", found["positions"][0])

    def test_refuses_what_is_no_sweep(self):
        for block, problem in (("sweep: {lr: [0.01]}\n", "single member"),
                               ("sweep: {seed: [1, 1, 2]}\n", "a value twice"),
                               ("sweep: {lr: [0.1, fast]}\n", "sweep.lr[1]"),
                               ("sweep: {init: [class_labels, text]}\n", "method.init.text")):
            self.assertIn(problem, self.refused(2, "validate", self.config_with("bad", block)))
        message = self.refused(2, "validate", self.config_with("bad"), "--set",
                               "method.kind=model_tuning")
        self.assertIn("prompts on one frozen model", message)


if __name__ == "__main__":
    program.main()
