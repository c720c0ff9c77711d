"""The deployment files: well-formed, agreeing with the package, and accepted by the tools' own schemas and clients."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from maquette.cli.main import maquette

yaml = pytest.importorskip("yaml")
DEPLOY = Path(__file__).parents[2] / "deploy"


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DEPLOY / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def accepted(arguments: list[str]) -> None:
    """The command line knows the verb and every option."""
    verb = maquette.get_command(None, arguments[0])  # type: ignore[arg-type]
    assert verb is not None
    flags = {flag for parameter in verb.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    used = {word.split("=")[0] for word in arguments[1:] if word.startswith("--")}
    assert used <= flags, used - flags


def test_every_container_runs_a_command_that_exists() -> None:
    compose = documents("compose.yaml")[0]["services"]
    commands = [compose[name]["command"] for name in ("web", "worker")]
    for document in documents("kubernetes.yaml"):
        if document["kind"] == "Deployment":
            commands += [c["args"] for c in document["spec"]["template"]["spec"]["containers"]]
    commands.append(re.search(r"^CMD (.*)$", (DEPLOY / "Dockerfile").read_text(), re.M)[1])  # type: ignore[index]
    for command in commands:
        accepted(yaml.safe_load(command) if isinstance(command, str) else command)


def test_the_beam_pod_is_short() -> None:
    assert len((DEPLOY / "beam_pod.py").read_text().splitlines()) <= 30


def test_the_replay_is_valid_bash() -> None:
    assert subprocess.run(["bash", "-n", DEPLOY / "replay.sh"], check=False).returncode == 0


def test_ray_takes_the_configuration() -> None:
    schema = pytest.importorskip("ray.serve.schema", reason="Ray is not installed").ServeDeploySchema
    config = schema.model_validate(documents("ray-serve.yaml")[0])
    inside = schema.model_validate(yaml.safe_load(documents("kuberay.yaml")[0]["spec"]["serveConfigV2"]))
    from maquette.scale.serve_ray import app  # the import path that both name

    assert {each.applications[0].import_path for each in (config, inside)} == {"maquette.scale.serve_ray:app"}
    names = {deployment.name for deployment in config.applications[0].deployments}
    assert names <= {"Web", "Shape", "Paint", "Dispatcher"}
    application = app({"database": "sqlite://", "storage": "/tmp", "painters": ["project"]})
    assert application is not None


def test_beam_takes_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("beam", reason="beam-client is not installed")
    monkeypatch.chdir(DEPLOY.parent)
    pod = load("beam_pod").pod
    assert pod.ports == [8080]
    accepted(pod.entrypoint[1:])


def test_modal_takes_the_app() -> None:
    pytest.importorskip("modal", reason="modal is not installed")
    assert load("modal_app").app.name == "maquette"
    accepted(["serve", "--host", "--preload"])


def test_runpod_takes_the_call() -> None:
    runpod = pytest.importorskip("runpod", reason="runpod is not installed")
    names = re.findall(r"^        (\w+)=", (DEPLOY / "runpod_pod.py").read_text(), re.M)
    assert set(names) <= set(inspect.signature(runpod.create_pod).parameters)


def test_the_image_is_built_without_secrets_or_compilers() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert not re.search(r"apt-get|gcc|build-essential|nvcc|curl|base64", text)
    assert "USER 10001" in text and "HEALTHCHECK" in text and os.access(DEPLOY / "replay.sh", os.X_OK)
