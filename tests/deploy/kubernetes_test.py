#!/usr/bin/env python3
"""deploy/kubernetes is valid and its parts fit together, without a cluster.

kubernetes-validate (requirements-test.txt) checks the kinds of Kubernetes itself; what it does not
know is checked here. Overlays are built here too, as kubectl (package kubernetes-client) does where
it is installed.
"""
import copy
import importlib.util
import json
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
KUBERNETES = "1.30"
OWN_RULES = {"MPIJob": "kubeflow.org/v2beta1", "PodMonitor": "monitoring.coreos.com/v1"}


def targets():
    return sorted(path.parent for path in FOLDER.rglob("kustomization.yaml")
                  if path.parent.name != "common")


def apply_patch(item, operation):
    """Applies one operation of a JSON patch (RFC 6902)."""
    *parents, last = [part.replace("~1", "/").replace("~0", "~")
                      for part in operation["path"].split("/")[1:]]
    place = item
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if last == "-":
        place.append(operation["value"])
    elif isinstance(place, list):
        place[int(last)] = operation["value"]
    else:
        assert operation["op"] == "add" or last in place, operation
        place[last] = operation["value"]


def set_images(item, images):
    for template in pod_templates(item).values() if item["kind"] != "MPIJob" else ():
        for container in template["spec"]["containers"]:
            name, _ = container["image"].split(":")
            for image in images:
                if image["name"] == name:
                    container["image"] = f"{name}:{image['newTag']}"


def built(target):
    """The objects of a base or an overlay: the parts of kustomize that are used there."""
    objects = []
    settings = yaml.safe_load((target / "kustomization.yaml").read_text())
    assert set(settings) <= {"apiVersion", "kind", "resources", "configMapGenerator",
                             "generatorOptions", "images", "patches"}, settings
    for name in settings["resources"]:
        path = (target / name).resolve()
        objects += built(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))
    for generator in settings.get("configMapGenerator", []):
        assert settings["generatorOptions"] == {"disableNameSuffixHash": True}
        objects.append({"apiVersion": "v1", "kind": "ConfigMap",
                        "metadata": {"name": generator["name"]},
                        "data": {name: (target / name).read_text() for name in generator["files"]}})
    objects = copy.deepcopy(objects)  # YAML anchors share parts
    for patch in settings.get("patches", []):
        item, = [each for each in objects if each["kind"] == patch["target"]["kind"]
                 and each["metadata"]["name"] == patch["target"]["name"]]
        index = objects.index(item)
        objects[index] = item = json.loads(json.dumps(item))
        for operation in yaml.safe_load(patch["patch"]):
            apply_patch(item, operation)
    for item in objects:
        set_images(item, settings.get("images", []))
    return objects


def pod_templates(item):
    """{role: pod template} of a workload."""
    if item["kind"] == "Job":
        return {"Job": item["spec"]["template"]}
    if item["kind"] == "MPIJob":
        return {role: replica["template"]
                for role, replica in item["spec"]["mpiReplicaSpecs"].items()}
    return {}


def of_kind(objects, kind):
    return [each for each in objects if each["kind"] == kind]


class Manifests(unittest.TestCase):
    def for_each(self):
        for target in targets():
            with self.subTest(str(target.relative_to(FOLDER))):
                yield built(target)

    def templates(self):
        for objects in self.for_each():
            for item in objects:
                for role, template in pod_templates(item).items():
                    yield objects, role, template

    def test_there_are_bases_and_overlays(self):
        self.assertGreaterEqual(len(targets()), 5)

    @unittest.skipUnless(shutil.which("kubectl"), "kubectl is missing (package kubernetes-client)")
    def test_kubectl_builds_the_same_objects(self):
        for target in targets():
            done = subprocess.run(["kubectl", "kustomize", target], capture_output=True, text=True,
                                  timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)

            def named(objects):
                return {(each["kind"], each["metadata"]["name"]): each for each in objects}
            self.assertEqual(named(yaml.safe_load_all(done.stdout)), named(built(target)))

    @unittest.skipUnless(importlib.util.find_spec("kubernetes_validate"),
                         "kubernetes-validate is missing (requirements-test.txt)")
    def test_kinds_of_kubernetes_are_valid_and_others_are_known_to_this_test(self):
        import kubernetes_validate
        for objects in self.for_each():
            for item in objects:
                if item["kind"] in OWN_RULES:
                    self.assertEqual(item["apiVersion"], OWN_RULES[item["kind"]])
                    continue
                kubernetes_validate.validate(item, KUBERNETES, strict=True)

    @unittest.skipUnless(importlib.util.find_spec("kubernetes_validate"),
                         "kubernetes-validate is missing (requirements-test.txt)")
    def test_a_mistake_would_be_noticed(self):
        import kubernetes_validate
        job = of_kind(built(FOLDER / "base" / "job"), "Job")[0]
        job["spec"]["podFailurePolicy"]["rules"][0]["acton"] = "Ignore"
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(job, KUBERNETES, strict=True)

    def test_mpi_jobs_keep_to_the_operators_words(self):
        for objects in self.for_each():
            for job in of_kind(objects, "MPIJob"):
                spec, policy = job["spec"], job["spec"]["runPolicy"]
                self.assertLessEqual(set(spec), {
                    "slotsPerWorker", "runLauncherAsWorker", "sshAuthMountPath",
                    "launcherCreationPolicy", "mpiImplementation", "runPolicy",
                    "mpiReplicaSpecs"})
                self.assertLessEqual(set(policy), {
                    "cleanPodPolicy", "ttlSecondsAfterFinished", "activeDeadlineSeconds",
                    "backoffLimit", "suspend", "schedulingPolicy", "managedBy"})
                self.assertIn(policy["cleanPodPolicy"], ("Running", "All", "None"))
                self.assertEqual(spec["launcherCreationPolicy"], "WaitForWorkersReady")
                self.assertEqual(spec["mpiImplementation"], "OpenMPI")
                self.assertIsInstance(policy["suspend"], bool)
                self.assertEqual(set(spec["mpiReplicaSpecs"]), {"Launcher", "Worker"})
                self.assertEqual(spec["mpiReplicaSpecs"]["Launcher"]["replicas"], 1)
                for replica in spec["mpiReplicaSpecs"].values():
                    self.assertLessEqual(set(replica), {"replicas", "restartPolicy", "template"})
                    self.assertIn(replica["restartPolicy"], ("Never", "OnFailure"))

    def test_pod_monitors_name_ports_of_the_pods_they_select(self):
        for objects in self.for_each():
            monitor, = of_kind(objects, "PodMonitor")
            self.assertLessEqual(set(monitor["spec"]), {"selector", "jobLabel",
                                                        "podMetricsEndpoints"})
            wanted = {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]}
            labels = monitor["spec"]["selector"]["matchLabels"].items()
            ports = set()
            for item in objects:
                for template in pod_templates(item).values():
                    self.assertLessEqual(labels, template["metadata"]["labels"].items())
                    self.assertIn(monitor["spec"]["jobLabel"], template["metadata"]["labels"])
                    for container in template["spec"]["containers"]:
                        ports |= {port["name"] for port in container.get("ports", [])}
            self.assertLessEqual(wanted, ports)

    def test_volumes_and_claims_exist(self):
        for objects, role, template in self.templates():
            spec = template["spec"]
            claims = {each["metadata"]["name"] for each in of_kind(objects, "PersistentVolumeClaim")}
            maps = {each["metadata"]["name"] for each in of_kind(objects, "ConfigMap")}
            for volume in spec["volumes"]:
                if "persistentVolumeClaim" in volume:
                    self.assertIn(volume["persistentVolumeClaim"]["claimName"], claims)
                if "configMap" in volume:
                    self.assertIn(volume["configMap"]["name"], maps)
            names = {volume["name"] for volume in spec["volumes"]}
            for container in spec["containers"]:
                self.assertEqual({mount["name"] for mount in container["volumeMounts"]}, names, role)

    def test_the_network_policy_selects_the_pods(self):
        for objects in self.for_each():
            policy, = of_kind(objects, "NetworkPolicy")
            labels = policy["spec"]["podSelector"]["matchLabels"].items()
            for item in objects:
                for template in pod_templates(item).values():
                    self.assertLessEqual(labels, template["metadata"]["labels"].items())

    def test_pods_keep_to_the_restricted_profile(self):
        for _, role, template in self.templates():
            pod = template["spec"]["securityContext"]
            self.assertTrue(pod["runAsNonRoot"])
            self.assertGreater(pod["runAsUser"], 0)
            self.assertEqual(pod["seccompProfile"], {"type": "RuntimeDefault"})
            self.assertFalse(template["spec"]["automountServiceAccountToken"])
            self.assertGreaterEqual(template["spec"]["terminationGracePeriodSeconds"], 300)
            for container in template["spec"]["containers"]:
                context = container["securityContext"]
                self.assertFalse(context["allowPrivilegeEscalation"])
                self.assertTrue(context["readOnlyRootFilesystem"])
                self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
                writable = {mount["mountPath"] for mount in container["volumeMounts"]}
                self.assertLessEqual({"/tmp", "/dev/shm"}, writable, role)

    def test_exit_codes_are_those_of_the_program(self):
        header = (ROOT / "core" / "error.h").read_text()
        codes = {name: int(code) for name, code in re.findall(r"k(\w+) = (\d+),", header)}
        for objects in self.for_each():
            for job in of_kind(objects, "Job"):
                rules = job["spec"]["podFailurePolicy"]["rules"]
                by_action = {rule["action"]: rule["onExitCodes"]["values"] for rule in rules
                             if "onExitCodes" in rule}
                self.assertEqual(by_action, {
                    "Ignore": [codes["Stopped"]],
                    "FailJob": [codes["Usage"], codes["Data"], codes["Numerics"]]})
                self.assertIn({"type": "DisruptionTarget", "status": "True"},
                              [each for rule in rules for each in rule.get("onPodConditions", [])])
                names = {each["name"] for each in job["spec"]["template"]["spec"]["containers"]}
                self.assertLessEqual({rule["onExitCodes"]["containerName"] for rule in rules
                                      if "onExitCodes" in rule}, names)
                self.assertEqual(job["spec"]["template"]["spec"]["restartPolicy"], "Never")

    def test_the_number_of_ranks_is_the_same_everywhere(self):
        for objects in self.for_each():
            config = yaml.safe_load(of_kind(objects, "ConfigMap")[0]["data"]["run.yaml"])
            world = config["parallel"]["world"]
            for item in objects:
                for role, template in pod_templates(item).items():
                    if role == "Worker":
                        replicas = item["spec"]["mpiReplicaSpecs"]["Worker"]["replicas"]
                        self.assertEqual(replicas * item["spec"]["slotsPerWorker"], world)
                        continue
                    arguments = template["spec"]["containers"][0]["args"]
                    self.assertEqual(arguments[arguments.index("-n") + 1], str(world))
            self.assertTrue(config["metrics"]["listen"].startswith("0.0.0.0:"))

    def test_paths_in_the_image_are_made_by_its_script(self):
        made = (ROOT / "deploy" / "container" / "rootfs.sh").read_text()
        for _, role, template in self.templates():
            for container in template["spec"]["containers"]:
                words = [*container["command"], *container.get("args", [])]
                stop = container.get("lifecycle", {}).get("preStop", {}).get("exec", {})
                for word in words + stop.get("command", []):
                    if word.startswith("/opt/incipit/"):
                        self.assertIn(Path(word).name, made, f"{role}: {word}")


class StopRanks(unittest.TestCase):
    def test_ranks_are_asked_and_waited_for(self):
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "some-rank"
            shutil.copy(shutil.which("bash"), program)
            ranks = [subprocess.Popen(
                [program, "-c", f"trap 'sleep 0.5; touch {folder}/{i}.done; exit 75' USR1; "
                                f"touch {folder}/{i}.up; while true; do sleep 0.05; done"])
                     for i in range(2)]
            while len(list(Path(folder).glob("*.up"))) < 2:
                pass
            waits = [subprocess.Popen(["true"])]  # other programs are left alone
            # A zombie has no program: the script must not wait for it to be reaped.
            subprocess.run([ROOT / "scripts" / "stop_ranks.sh", "some-rank"], timeout=20, check=True)
            self.assertEqual(len(list(Path(folder).glob("*.done"))), 2)
            self.assertEqual([rank.wait(timeout=5) for rank in ranks], [75, 75])
            waits[0].wait()


if __name__ == "__main__":
    unittest.main(verbosity=2)
