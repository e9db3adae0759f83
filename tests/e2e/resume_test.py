#!/usr/bin/env python3
"""Killed or stopped runs, resumed.  resume_test.py INCIPIT MPIRUN"""
import os
import random
import resource
import signal
import subprocess
import time

import processes
import program
from runs import checkpoints, losses, outcome


def ranks_of(process):
    """The processes that train below a launcher."""
    return processes.descendants(process.pid, "incipit")


class Resume(program.ProgramTest):
    STEPS = 200

    def command(self, name, *overrides, ranks=0, steps=STEPS):
        sets = (f"run.output_dir={name}", f"train.steps={steps}", "train.checkpoint_every=20",
                "train.eval_every=50", "train.optimizer.lr=0.001", *overrides)
        command = [program.MPIRUN, "-n", str(ranks)] if ranks else []
        command += [program.INCIPIT, "train", str(self.config)]
        return command + [word for each in sets for word in ("--set", each)]

    def start(self, *arguments, **options):
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.Popen(self.command(*arguments, **options), cwd=self.folder, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)

    def train(self, *arguments, code=0, **options):
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=100)
        self.assertEqual(process.returncode, code, out + err)
        return self.folder / arguments[0], out + err

    def start_to_step(self, name, step, **options):
        """A run that has written the line of this step."""
        process = self.start(name, **options)
        log = self.folder / name / "metrics.jsonl"
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if log.exists() and f'{{"step":{step},' in log.read_text():
                return process
            time.sleep(0.002)
        process.kill()
        self.fail(f"no step {step}: " + "".join(process.communicate()))

    def stop(self, process, sent, code):
        process.send_signal(sent)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, out + err)
        return err

    def test_killed_at_random_moments_it_ends_in_the_same_bytes(self):
        draw = random.Random(20260124)
        for ranks, times in ((0, (1, 2, 3)), (2, (2,))):
            whole, _ = self.train(f"whole_{ranks}", ranks=ranks)
            self.assertEqual(sorted(losses(whole)), list(range(1, self.STEPS + 1)))
            for kills in times:
                name = f"killed_{ranks}_{kills}"
                step = 0
                for _ in range(kills):
                    step += draw.randrange(25, self.STEPS // kills - 10)
                    process = self.start_to_step(name, step, ranks=ranks)
                    time.sleep(draw.random() * 0.01)
                    for pid in ranks_of(process) if ranks else [process.pid]:
                        try:
                            os.kill(pid, signal.SIGKILL)
                        except ProcessLookupError:  # mpirun was faster
                            pass
                    process.communicate(timeout=60)
                    self.assertNotEqual(process.returncode, 0)
                    self.assertTrue(checkpoints(self.folder / name))
                run, said = self.train(name, ranks=ranks)
                self.assertRegex(said, r"resuming from .*checkpoints/step-\d+, step \d+ of 200")
                for ours, theirs in zip(outcome(run), outcome(whole), strict=True):
                    self.assertEqual(ours, theirs, name)

    def test_one_rank_killed_ends_the_job_soon_and_it_goes_on(self):
        process = self.start_to_step("one_dies", 30, ranks=2, steps=100000)
        begin = time.monotonic()
        os.kill(ranks_of(process)[-1], signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        self.assertNotEqual(process.returncode, 0, out + err)
        self.assertLess(time.monotonic() - begin, 30)
        run = self.folder / "one_dies"
        done = max(checkpoints(run))
        self.assertGreaterEqual(done, 20)
        again = self.start_to_step("one_dies", done + 40, ranks=2, steps=100000)
        self.assertIn(f"step {done} of", self.stop(again, signal.SIGUSR1, 75))

    def test_stopped_on_two_ranks_it_goes_on_with_one_and_four(self):
        whole, _ = self.train("all_on_two", ranks=2)
        for ranks in (0, 4):
            name = f"two_then_{ranks}"
            said = self.stop(self.start_to_step(name, 90, ranks=2), signal.SIGUSR1, 75)
            self.assertEqual(said.count("start the same command again"), 1, said)
            run, said = self.train(name, ranks=ranks)
            self.assertEqual(said.count("differ by rounding"), 1)
            self.assertIn(f"ranks: 2 before, {ranks or 1} now", said)
            ours, theirs = losses(run), losses(whole)
            self.assertEqual(sorted(ours), sorted(theirs))
            for step, loss in theirs.items():
                self.assertAlmostEqual(ours[step] / loss, 1, delta=1e-4, msg=f"step {step}")

    def test_saved_on_one_mesh_it_goes_on_with_another(self):
        whole, _ = self.train("on_one_rank", steps=20)
        meshes = {"data 4": (4, []), "tensor 3": (3, ["parallel.tensor=3"]),
                  "pipeline 2": (2, ["parallel.pipeline=2"]),
                  "fsdp 2": (2, ["parallel.fsdp=true"])}
        for first, second in [("tensor 3", "data 4"), ("data 4", "tensor 3"),
                              ("pipeline 2", "fsdp 2"), ("fsdp 2", "pipeline 2")]:
            name = f"{first} then {second}"
            for mesh, steps in ((first, 10), (second, 20)):
                ranks, sets = meshes[mesh]
                run, _ = self.train(name, *sets, ranks=ranks, steps=steps)
            ours, theirs = losses(run), losses(whole)
            self.assertEqual(sorted(ours), list(range(1, 21)), name)
            for step, loss in theirs.items():
                self.assertAlmostEqual(ours[step] / loss, 1, delta=1e-4, msg=f"{name}: {step}")

    def test_term_and_int_stop_it_too_and_name_the_checkpoint(self):
        for sent in (signal.SIGTERM, signal.SIGINT):
            name = f"by_{sent.name}"
            said = self.stop(self.start_to_step(name, 30), sent, 75)
            last = max(checkpoints(self.folder / name))
            self.assertIn(f"incipit: {sent.name}: stopped after step {last} of 200", said)
            self.assertIn(f"checkpoints/step-{last};", said)
            self.assertEqual(max(losses(self.folder / name)), last)

    def test_a_damaged_checkpoint_is_skipped_with_its_reason(self):
        self.stop(self.start_to_step("damaged", 70), signal.SIGUSR1, 75)
        run = self.folder / "damaged"
        newest = max(checkpoints(run))
        older = min(checkpoints(run))
        tensors = run / "checkpoints" / f"step-{newest}" / "state.safetensors"
        tensors.write_bytes(tensors.read_bytes()[:-1] + b"\x55")
        _, said = self.train("damaged")
        self.assertIn(f"step-{newest}/state.safetensors: its SHA-256 is not that", said)
        self.assertIn(f"step {older} of 200", said)

    def test_another_configuration_is_refused_and_fresh_moves_the_run_aside(self):
        self.stop(self.start_to_step("other", 30), signal.SIGUSR1, 75)
        _, said = self.train("other", "train.batch_size=4", code=2)
        self.assertIn("train.batch_size: 8 before, 4 now", said)
        self.assertIn("--fresh", said)
        done = subprocess.run([*self.command("other", "train.batch_size=4"), "--fresh"],
                              cwd=self.folder, capture_output=True, text=True, timeout=100)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.folder / "other.1" / "checkpoints").is_dir())
        self.assertEqual(len(losses(self.folder / "other")), self.STEPS)

    def test_other_data_under_the_same_name_are_refused(self):
        train = self.folder / "train.jsonl"
        before = train.read_text()
        self.stop(self.start_to_step("data", 30), signal.SIGUSR1, 75)
        try:
            train.write_text(before.replace("sky", "moon"))
            _, said = self.train("data", code=2)
        finally:
            train.write_text(before)
        self.assertIn("data of the split train", said)

    def test_a_finished_run_goes_on_for_more_steps_alone(self):
        short, _ = self.train("more", steps=70)
        grown, said = self.train("more", steps=130)
        self.assertIn("step 70 of 130", said)
        whole, _ = self.train("at_once", steps=130)
        self.assertEqual(outcome(grown), outcome(whole))
        _, said = self.train("more", steps=130)
        self.assertIn("more.1", said)

    def test_a_full_disk_ends_it_with_the_name_of_the_file(self):
        environment = os.environ | {"OMP_NUM_THREADS": "1"}

        def limit():  # SIGXFSZ stays ignored, so that writes fail
            resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))

        command = self.command("full", "train.eval_every=0", "method.num_virtual_tokens=16")
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True,
                              timeout=100, env=environment, preexec_fn=limit,
                              restore_signals=False)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(done.stderr.count("nothing was saved"), 3, done.stderr)
        self.assertIn("step-60.tmp/state.safetensors", done.stderr.splitlines()[-1])
        self.assertIn("3 failures in a row", done.stderr.splitlines()[-1])


if __name__ == "__main__":
    program.main()
