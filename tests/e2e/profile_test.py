#!/usr/bin/env python3
"""`log.profile` measures the phases of a step.  profile_test.py INCIPIT MPIRUN"""
import json

import program


class Profiles(program.ProgramTest):
    def train(self, name, *settings, **options):
        run = self.folder / name
        done = self.incipit("train", self.config, "--set", f"run.output_dir={run}", "--set",
                            "log.profile=true", *settings, **options)
        return run, done

    def phases(self, run):
        """Returns the means of the steps after the first, by name."""
        profile = json.loads((run / "profile" / "phases.json").read_text())
        self.assertEqual(profile["steps"], 5)  # of 6
        self.assertGreater(profile["device_flops"], 0)
        return {phase["name"]: phase for phase in profile["phases"]}

    def test_prints_the_phases_of_a_step_and_writes_them(self):
        run, done = self.train("whole")
        phases = self.phases(run)
        step = phases["step"]
        within = sum(phases[name]["seconds"] for name in ("wait for data", "forward and backward",
                                                          "sum gradients", "optimizer"))
        self.assertLessEqual(within, step["seconds"])
        self.assertGreater(within, 0.5 * step["seconds"])
        self.assertGreater(step["flops"], 0)
        self.assertEqual(phases["forward"]["flops"] + phases["backward"]["flops"], step["flops"])
        self.assertIn("profile: means of 5 steps on ", done.stdout)
        for name in phases:
            self.assertIn(f" {name} ", done.stdout)

    def test_writes_a_trace_in_which_phases_lie_within_the_step(self):
        run, _ = self.train("traced")
        trace = json.loads((run / "profile" / "trace.json").read_text())
        events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
        steps = {event["args"]["step"]: event for event in events if event["name"] == "step"}
        self.assertEqual(sorted(steps), [1, 2, 3, 4, 5, 6])
        for event in events:
            step = steps[event["args"]["step"]]
            self.assertGreaterEqual(event["ts"], step["ts"] - 1e-3)
            self.assertLessEqual(event["ts"] + event["dur"], step["ts"] + step["dur"] + 1e-3)

    def test_time_in_communication_has_the_name_of_its_purpose(self):
        run, _ = self.train("two-ranks", ranks=2)
        self.assertIn("gradients", self.phases(run))

    def test_json_output_stays_json(self):
        run, done = self.train("json", "--json")
        self.assertEqual(json.loads(done.stdout)["steps"], 6)
        self.assertIn("step", self.phases(run))

    def test_there_is_none_unless_asked_for(self):
        run = self.folder / "without"
        done = self.incipit("train", self.config, "--set", f"run.output_dir={run}")
        self.assertFalse((run / "profile").exists())
        self.assertNotIn("profile", done.stdout)


if __name__ == "__main__":
    program.main()
