"""The manifests of Kubernetes: what schemas allow, what the strictest security standard asks, what compose says too.

No cluster runs here: `kubectl kustomize` builds, the schemas of Kubernetes and of the custom resources judge, and a
real server is started with the environment of the container.
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import kubernetes_validate
import pytest
import yaml
from conftest import tool
from patience import PATIENCE
from random_models import digits, save_model
from server_process import Server

from service.http.access.key_file import changing_keys
from service.http.access.keys import make_key
from service.http.access.scopes import NEEDED, OPEN
from service.settings import Settings
from service.telemetry import Telemetry
from supply.prometheus_rule import RESOURCE, RULES, resource

Resource = dict[str, Any]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker" / "kubernetes"
CRDS = Path(__file__).parent / "crds"
COMPONENTS = ("pretrained", "monitoring", "tracing", "outcomes")
COMPOSE, GPU, KEYS = (
    yaml.safe_load((ROOT / f"docker-compose{name}.yml").read_text())["services"] for name in ("", ".gpu", ".keys")
)
VERSION = kubernetes_validate.latest_version()


def build(folder: Path) -> list[Resource]:
    """The resources of a folder, as `kubectl apply -k` sends them."""
    done = subprocess.run([tool("kubectl"), "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> list[Resource]:
    """All there is: on GPUs, with every component, and KServe's besides."""
    folder = tmp_path_factory.mktemp("all")
    relative = {name: os.path.relpath(FOLDER / name, folder) for name in ("gpu", *COMPONENTS)}
    told = {"resources": [relative["gpu"]], "components": [relative[name] for name in COMPONENTS]}
    kind = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kind | told))
    return build(folder) + [one for one in build(FOLDER / "kserve") if "kserve" in one["apiVersion"]]


def written() -> list[Resource]:
    """The resources as they stand in files, but for patches and kustomize's own."""
    files = [path for path in sorted(FOLDER.rglob("*.yaml")) if path.name != "kustomization.yaml"]
    resources = [yaml.safe_load(path.read_text()) for path in files]
    return [one for one in resources if "kind" in one and not is_patch(one)]


def is_patch(one: Resource) -> bool:
    return one["kind"] == "Deployment" and "selector" not in one["spec"]


def one_of(resources: list[Resource], kind: str, name: str = "credence") -> Resource:
    (found,) = (one for one in resources if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


def find_fault(one: Resource) -> str:
    """What a schema does not allow in a resource; a name that it does not know is no more allowed."""
    own = CRDS / f"{one['kind']}.json"
    try:
        if own.exists():
            jsonschema.Draft202012Validator(json.loads(own.read_text())).validate(one)
        else:
            kubernetes_validate.validate(one, VERSION, strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        return str(error)
    return ""


def pods(resources: list[Resource]) -> Iterator[Resource]:
    """What is asked of a pod and of its containers: of KServe's, the part that the runtime and the service make."""
    for one in resources:
        if one["kind"] in ("Deployment", "Job"):
            yield one["spec"]["template"]["spec"]
        if one["kind"] == "ServingRuntime":
            yield {**one_of(resources, "InferenceService")["spec"]["predictor"], **one["spec"]}


def environment(container: Resource) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container.get("env", []) if "value" in one}


@pytest.mark.parametrize("one", written(), ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_every_file_is_allowed_by_its_schema(one: Resource) -> None:
    assert find_fault(one) == ""


def test_what_is_built_of_them_is_allowed_too(everything: list[Resource]) -> None:
    for one in everything:
        assert find_fault(one) == ""
        assert one["kind"] == "Namespace" or one["metadata"]["namespace"] == "credence"
    kinds = {one["kind"] for one in everything}
    assert kinds == {one["kind"] for one in written()}


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", "spec.template.spec.containers.0.readinesProbe", {}),
        ("Deployment", "spec.template.spec.terminationGracePeriodSeconds", "45"),
        ("HorizontalPodAutoscaler", "spec.minReplica", 2),
        ("NetworkPolicy", "spec.ingress.0.form", []),
        ("ServiceMonitor", "spec.endpoints.0.authorisation", {}),
        ("ServiceMonitor", "spec.endpoints", {}),
        ("PrometheusRule", "spec.groups.0.rules.0.expression", "up"),
        ("ServingRuntime", "spec.containers.0.readinesProbe", {}),
        ("InferenceService", "spec.predictor.model.modelformat", {}),
        ("InferenceService", "spec.predictor.minReplicas", "two"),
    ],
)
def test_a_planted_fault_is_found(kind: str, path: str, value: Any) -> None:
    one = copy.deepcopy(next(one for one in written() if one["kind"] == kind))
    *way, last = path.split(".")
    place: Any = one
    for step in way:
        place = place[int(step) if step.isdecimal() else step]
    place[last] = value
    assert find_fault(one)


def test_pods_may_do_next_to_nothing(everything: list[Resource]) -> None:
    """The standard "restricted" of Kubernetes, and a root file system that is read-only, as in the compose file."""
    found = list(pods(everything))
    assert len(found) == 3
    user = int(re.findall(r"^USER (\d+):", (ROOT / "docker" / "Dockerfile").read_text(), re.MULTILINE)[0])
    for pod in found:
        assert not {"hostNetwork", "hostPID", "hostIPC"} & {name for name in pod if pod[name]}
        assert {next(kind for kind in volume if kind != "name") for volume in pod["volumes"]} <= {
            "persistentVolumeClaim", "secret", "emptyDir",
        }  # fmt: skip
        for container in pod["containers"]:
            own = {**pod["securityContext"], **container["securityContext"]}
            assert own["allowPrivilegeEscalation"] is False
            assert own["readOnlyRootFilesystem"] is True
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert own["runAsNonRoot"] is True
            assert (own["runAsUser"], own["runAsGroup"]) == (user, user)
            assert own["seccompProfile"] == {"type": "RuntimeDefault"}
    namespace = one_of(everything, "Namespace")["metadata"]["labels"]
    assert namespace["pod-security.kubernetes.io/enforce"] == "restricted"
    hardened = COMPOSE["credence"]
    assert (hardened["read_only"], hardened["cap_drop"]) == (True, ["ALL"])


def test_variables_that_a_cluster_makes_of_its_services_are_no_settings(everything: list[Resource]) -> None:
    """A service named credence would set CREDENCE_PORT to tcp://..., with which nothing starts."""
    assert all(pod["enableServiceLinks"] is False for pod in pods(everything))
    with pytest.raises(ValueError, match="port"):
        Settings(port="tcp://10.0.0.1:8000")


def test_every_variable_of_the_service_is_a_setting_and_its_value_is_allowed(
    everything: list[Resource], monkeypatch: pytest.MonkeyPatch
) -> None:
    containers = [container for pod in pods(everything) for container in pod["containers"]]
    names = {one["name"] for one in containers for one in one.get("env", []) if one["name"].startswith("CREDENCE_")}
    assert len(names) > 8
    assert names <= {f"CREDENCE_{name.upper()}" for name in Settings.model_fields}
    for container in containers:
        with monkeypatch.context() as patch:
            for name, value in environment(container).items():
                patch.setenv(name, value)
            Settings()


def test_what_the_compose_files_say_too_is_the_same(everything: list[Resource]) -> None:
    base = written()
    container, models = (
        one_of(base, *name)["spec"]["template"]["spec"]["containers"][0]
        for name in (("Deployment",), ("Job", "credence-models"))
    )
    (served,) = one_of(base, "ServingRuntime")["spec"]["containers"]
    assert {one["image"] for one in (container, models, served)} == {COMPOSE["credence"]["image"]}
    built = one_of(everything, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert built["image"] == GPU["credence"]["image"]
    (device,) = GPU["credence"]["deploy"]["resources"]["reservations"]["devices"]
    assert built["resources"]["limits"]["nvidia.com/gpu"] == device["count"]
    port = int(COMPOSE["credence"]["ports"][0].rsplit(":", 1)[1])
    assert [one["ports"][0]["containerPort"] for one in (container, served)] == [port, port]
    assert one_of(base, "Service")["spec"]["ports"][0]["port"] == port
    assert models["command"] == COMPOSE["models"]["command"]
    mounts = {(one["mountPath"], one.get("readOnly", False)) for one in container["volumeMounts"]}
    volumes = [*COMPOSE["credence"]["volumes"], *KEYS["credence"]["volumes"]]
    assert mounts == {(one.split(":")[1], one.endswith(":ro")) for one in volumes} | {("/tmp", False)}
    assert COMPOSE["credence"]["tmpfs"] == ["/tmp"]
    assert {one["mountPath"] for one in models["volumeMounts"]} == {"/store", "/tmp"}
    assert environment(container)["CREDENCE_KEY_FILE"] == KEYS["credence"]["environment"]["CREDENCE_KEY_FILE"]
    assert "CREDENCE_ALLOW_ANYONE" not in environment(container)


def test_a_pod_has_the_time_that_its_service_takes_to_end(everything: list[Resource]) -> None:
    for pod in pods(everything):
        for container in pod["containers"]:
            told = environment(container)
            if "CREDENCE_DRAIN_SECONDS" in told:
                needed = float(told["CREDENCE_DRAIN_SECONDS"]) + float(told["CREDENCE_SHUTDOWN_SECONDS"])
                assert needed < pod["terminationGracePeriodSeconds"]
    grace = one_of(everything, "Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert float(COMPOSE["credence"]["stop_grace_period"].rstrip("s")) <= grace
    assert one_of(everything, "InferenceService")["spec"]["predictor"]["terminationGracePeriodSeconds"] == grace


def test_probes_ask_what_needs_no_key_and_waits_in_no_queue(everything: list[Resource]) -> None:
    seen = set()
    for pod in pods(everything):
        ports = {port["name"]: port["containerPort"] for one in pod["containers"] for port in one.get("ports", [])}
        for container in pod["containers"]:
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if "ports" in container:
                    asked = container[probe]["httpGet"]
                    assert NEEDED["GET", asked["path"]] == OPEN
                    assert asked["port"] in {*ports, *ports.values()}
                    seen.add((probe, asked["path"]))
    assert {path for probe, path in seen if probe == "livenessProbe"} == {"/health/live"}
    assert {path for probe, path in seen if probe == "readinessProbe"} == {"/health/ready", "/v2/health/ready"}


def test_names_that_point_at_each_other_do(everything: list[Resource]) -> None:
    deployment = one_of(everything, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    port = deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"]
    service = one_of(everything, "Service")
    assert service["spec"]["ports"][0]["targetPort"] == port
    selectors = [service["spec"]["selector"], deployment["spec"]["selector"]["matchLabels"]]
    selectors += [one_of(everything, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]]
    policies = [one for one in everything if one["kind"] == "NetworkPolicy"]
    selectors += [one["spec"]["podSelector"]["matchLabels"] for one in policies]
    assert len(policies) == 3
    assert all(selector.items() <= labels.items() for selector in selectors)
    filled = one_of(everything, "Job", "credence-models")["spec"]["template"]["metadata"]["labels"]
    assert not service["spec"]["selector"].items() <= filled.items(), "the service would send requests to the trainer"
    monitor = one_of(everything, "ServiceMonitor")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    target = one_of(everything, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    assert "replicas" not in deployment["spec"], "every apply would undo what the autoscaler does"
    claim = one_of(everything, "PersistentVolumeClaim", "credence-store")["metadata"]["name"]
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in pods(everything)
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims == {claim}
    model = one_of(everything, "InferenceService")["spec"]["predictor"]["model"]
    runtime = one_of(everything, "ServingRuntime")
    assert (model["runtime"], model["storageUri"]) == (runtime["metadata"]["name"], f"pvc://{claim}")
    assert model["modelFormat"]["name"] in {one["name"] for one in runtime["spec"]["supportedModelFormats"]}
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]


def test_the_autoscaler_asks_for_what_the_adapter_makes_of_metrics_that_there_are(everything: list[Resource]) -> None:
    rules = yaml.safe_load((FOLDER / "monitoring" / "prometheus-adapter.yaml").read_text())["rules"]
    metrics = one_of(everything, "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert {one["pods"]["metric"]["name"] for one in metrics} == {rule["name"]["as"] for rule in rules}
    telemetry, suffixes = Telemetry(), {"histogram": "_sum", "counter": "_total"}
    telemetry.watch_loop()
    there = {f"{metric.name}{suffixes.get(metric.type, '')}" for metric in telemetry.registry.collect()}
    assert {rule["seriesQuery"].split("{")[0] for rule in rules} <= there


def test_the_rules_are_those_of_prometheus() -> None:
    assert RESOURCE.read_text() == resource(), "python -m supply.prometheus_rule writes it"
    assert yaml.safe_load(resource())["spec"] == yaml.safe_load(RULES.read_text())


def test_the_folder_of_the_page_is_built_with_its_registry_and_its_setting(tmp_path: Path) -> None:
    (told,) = re.findall(r"```yaml title=.*?\n(.*?)```", (ROOT / "docs" / "deployment.md").read_text(), re.DOTALL)
    place = os.path.relpath(ROOT / "docker", tmp_path / "mine")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kustomization.yaml").write_text(told.replace("../docker", place))
    built = build(tmp_path / "mine")
    for one in built:
        assert find_fault(one) == ""
    containers = [one for pod in pods(built) for one in pod["containers"]]
    assert {one["image"] for one in containers} == {"registry.example/credence:0.1.0"}
    assert environment(containers[0])["CREDENCE_REQUIRED_MODELS"] == "digits-mlp-mc_dropout"


def test_a_server_starts_with_the_environment_of_the_container_and_asks_for_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the base; where files lie, and what costs the test seconds, is its own."""
    container = one_of(written(), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    told = environment(container) | {"CREDENCE_THREADS": container["resources"]["requests"]["cpu"]}
    key, text = make_key("test", ["predict"], None)
    with changing_keys(tmp_path / "keys.json") as keys:
        keys.append(key)
    (tmp_path / "keys.json").chmod(0o440)  # as a secret is mounted
    save_model(tmp_path / "store", "mlp")
    own = {"CREDENCE_KEY_FILE": str(tmp_path / "keys.json"), "CREDENCE_DRAIN_SECONDS": "0"}
    for name, value in (told | own).items():
        monkeypatch.setenv(name, value)
    server = Server(tmp_path / "store", host="0.0.0.0", default_model="mlp")
    url = server.url.replace("0.0.0.0", "127.0.0.1")
    with httpx.Client(base_url=url, timeout=PATIENCE) as client:
        for probe in ("startupProbe", "livenessProbe"):
            assert client.get(container[probe]["httpGet"]["path"]).status_code == 200
        while client.get(container["readinessProbe"]["httpGet"]["path"]).status_code != 200:
            pass
        assert client.post("/predict", json={"inputs": digits(1)}).status_code == 401
        lines = {"authorization": f"Bearer {text}"}
        assert client.post("/predict", json={"inputs": digits(1)}, headers=lines).status_code == 200
    assert server.stop() == 0
    assert all(json.loads(line)["message"] for line in server.lines)
