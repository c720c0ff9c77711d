"""Fetching weights: the real command against a real server that speaks the few routes of the hub, and of GitHub."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save

from maquette.errors import CheckpointError
from maquette.zoo.catalog import ModelEntry, find_entry
from maquette.zoo.files import is_present, local_folder, missing_files
from maquette.zoo.files import pull as pull_entry
from published_layout import published_state, random_model, settings

pytest.importorskip("huggingface_hub", reason="fetching needs the extra hub")

NAME = "hunyuan3d-dit-v2-0"
WEIGHTS = f"{NAME}/model.fp16.safetensors"
COMMIT = "0" * 40
RELEASE = "/xinntao/Real-ESRGAN/releases/download/v0.1.0/RealESRGAN_x4plus.pth"


@dataclass
class Hub:
    """What the server holds and does, and what it was asked."""

    files: dict[str, bytes]
    url: str = ""
    cut_after: int | None = None
    """Bytes of the weights after which the connection is closed, once."""
    stall_after: int | None = None
    """Bytes of the weights after which nothing more comes."""
    spoil: bool = False
    """Send other bytes than the checksum says."""
    token: str | None = None
    """Only who shows it gets in."""
    ranges: list[str | None] = field(default_factory=list)
    """The Range header of every request for the weights."""


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub = self.hub
        if self.path == RELEASE:
            return self._headers(302, {"Location": "/tencent/Hunyuan3D-2/resolve/main/release.pth"}, b"")
        found = re.fullmatch(r"/tencent/Hunyuan3D-2/resolve/[^/]+/(.*)", self.path)
        if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self._headers(401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"}, b"")
        if not found or found[1] not in hub.files:
            return self._headers(404, {"X-Error-Code": "EntryNotFound"}, b"")
        content = hub.files[found[1]]
        large = found[1].endswith((".safetensors", ".pth"))
        etag = hashlib.sha256(content) if large else hashlib.sha1(b"blob %d\0" % len(content) + content)
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{etag.hexdigest()}"', "Accept-Ranges": "bytes"}
        if self.command == "HEAD":
            return self._headers(200, headers, content)
        begin = 0
        if large:
            asked = self.headers.get("Range")
            hub.ranges.append(asked)
            begin = int(re.findall(r"\d+", asked)[0]) if asked else 0
            if begin >= len(content):
                return self._headers(416, {}, b"")
            if hub.spoil:
                content = bytes(len(content))
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        self._headers(206 if begin else 200, headers, content[begin:])
        self._send(content[begin:], large)

    def _headers(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, content: bytes, large: bool) -> None:
        hub = self.hub
        if large and hub.cut_after is not None:
            self.wfile.write(content[: hub.cut_after])
            hub.cut_after = None
            self.close_connection = True
            return
        if large and hub.stall_after is not None:
            self.wfile.write(content[: hub.stall_after])
            self.wfile.flush()
            time.sleep(60)
        self.wfile.write(content)


@pytest.fixture(scope="module")
def content() -> dict[str, bytes]:
    config = settings()
    state = published_state(random_model(config))
    flat = {f"{part}.{name}": tensor for part, tensors in state.items() for name, tensor in tensors.items()}
    flat["vae.encoder.input_proj.weight"] = torch.zeros(
        6_000_000
    )  # the hub library resumes at steps of 10 MB
    return {f"{NAME}/config.yaml": yaml.safe_dump(config).encode(), WEIGHTS: save(flat)}


@pytest.fixture
def hub(content: dict[str, bytes]) -> Iterator[Hub]:
    state = Hub(dict(content))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": state}))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield state
    server.shutdown()


def environment(hub: Hub, cache: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return {**kept, "HF_ENDPOINT": hub.url, "HF_HOME": str(cache), **more}


COMMAND = (str(Path(sys.executable).parent / "maquette"),)
HURRIED = (
    sys.executable,
    "-c",
    "import time; time.sleep = lambda _: None; from maquette.cli import main; main()",
)
"""The command, without the pauses between the hub library's tries, which nothing else shortens."""


def pull(
    hub: Hub, cache: Path, name: str = NAME, by: tuple[str, ...] = COMMAND, **more: str
) -> subprocess.CompletedProcess[str]:
    command = [*by, "models", "pull", name]
    return subprocess.run(
        command, env=environment(hub, cache, **more), capture_output=True, text=True, timeout=120
    )


def fetched(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path | None:
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(cache))
    return local_folder(find_entry(NAME))


def resumed(hub: Hub) -> bool:
    """Whether the weights were asked for whole, and then only from where the first try ended."""
    first, second = hub.ranges
    return first is None and second is not None and int(re.findall(r"\d+", second)[0]) >= 10_000_000


def assert_one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == code and "Traceback" not in done.stderr, done.stderr
    assert len(errors) == 1 and all(word in errors[0] for word in words), done.stderr


def test_a_model_is_fetched_checked_found_and_not_fetched_again(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = pull(hub, tmp_path)
    assert done.returncode == 0, done.stderr
    folder = fetched(tmp_path, monkeypatch)
    assert folder is not None and done.stdout.strip() == str(folder)
    assert "Tencent" in done.stderr and "European Union" in done.stderr
    assert (folder / "model.fp16.safetensors").read_bytes() == hub.files[WEIGHTS]
    again = pull(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert again.returncode == 0 and len(hub.ranges) == 1, again.stderr


def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.cut_after = 15_000_000
    assert pull(hub, tmp_path).returncode == 0
    assert resumed(hub)
    assert fetched(tmp_path, monkeypatch) is not None


def test_a_killed_download_is_told_as_partial_and_taken_up(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.stall_after = 15_000_000
    command = [*COMMAND, "models", "pull", NAME]
    process = subprocess.Popen(command, env=environment(hub, tmp_path), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        partial = list(tmp_path.rglob("*.incomplete"))
        if partial and partial[0].stat().st_size >= 10_000_000:
            break
        time.sleep(0.1)
    process.kill()
    process.wait()
    assert fetched(tmp_path, monkeypatch) is None and missing_files(find_entry(NAME)) == [WEIGHTS]
    command = [*COMMAND, "generate", "x.png", "--model", NAME]
    done = subprocess.run(
        command, env=environment(hub, tmp_path), capture_output=True, text=True, timeout=120
    )
    assert_one_line(done, 5, f"{WEIGHTS} is missing", f"models pull {NAME}")
    hub.stall_after = None
    assert pull(hub, tmp_path).returncode == 0
    assert resumed(hub) and fetched(tmp_path, monkeypatch) is not None


def test_damage_on_the_way_is_noticed_and_leaves_a_usable_cache(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.spoil = True
    assert_one_line(pull(hub, tmp_path), 5, "damaged on its way", "pull it again")
    assert fetched(tmp_path, monkeypatch) is None
    hub.spoil = False
    assert pull(hub, tmp_path).returncode == 0
    assert fetched(tmp_path, monkeypatch) is not None


def test_a_gated_repository_asks_for_the_token_and_takes_it(hub: Hub, tmp_path: Path) -> None:
    hub.token = "secret"
    assert_one_line(pull(hub, tmp_path), 5, "asks for a login", "HF_TOKEN")
    assert pull(hub, tmp_path, HF_TOKEN="secret").returncode == 0


@pytest.mark.slow
def test_no_network_offline_and_absent_files_are_told_apart(hub: Hub, tmp_path: Path) -> None:
    assert_one_line(pull(hub, tmp_path, HF_HUB_OFFLINE="1"), 5, "HF_HUB_OFFLINE forbids")
    assert_one_line(pull(hub, tmp_path, by=HURRIED, HF_ENDPOINT="http://127.0.0.1:9"), 5, "cannot be reached")
    del hub.files[WEIGHTS]
    assert_one_line(pull(hub, tmp_path), 5, "has no", "update maquette")
    assert_one_line(pull(hub, tmp_path, name="hunyuan3d-dit-v2-O"), 5, "did you mean")


@pytest.fixture
def release(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """Real-ESRGAN as the server has it, and a cache of the test's own."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    hub.files["release.pth"] = content = os.urandom(1_000_000)
    entry = find_entry("real-esrgan", "part")
    return replace(entry, url=hub.url + RELEASE, sha256=hashlib.sha256(content).hexdigest())


def test_the_upscaler_comes_from_its_release_and_is_not_fetched_again(
    hub: Hub, release: ModelEntry, tmp_path: Path
) -> None:
    assert not is_present(release) and missing_files(release) == ["RealESRGAN_x4plus.pth"]
    for _ in range(2):
        assert pull_entry(release) == tmp_path / "maquette"
    assert hub.ranges == [None] and is_present(find_entry("real-esrgan"))
    assert (tmp_path / "maquette" / "RealESRGAN_x4plus.pth").read_bytes() == hub.files["release.pth"]


@pytest.mark.parametrize("kept", [400_000, 1_000_000])
def test_what_a_killed_fetch_of_the_upscaler_left_is_taken_up(
    hub: Hub, release: ModelEntry, tmp_path: Path, kept: int
) -> None:
    (tmp_path / "maquette").mkdir()
    partial = tmp_path / "maquette" / "RealESRGAN_x4plus.pth.incomplete"
    partial.write_bytes(hub.files["release.pth"][:kept])
    assert not is_present(release)
    pull_entry(release)
    assert hub.ranges == [f"bytes={kept}-"] and is_present(release) and not partial.exists()


def test_a_spoiled_upscaler_is_removed_and_an_absent_network_named(
    hub: Hub, release: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.spoil = True
    with pytest.raises(CheckpointError, match=r"damaged on its way.*pull it again"):
        pull_entry(release)
    assert not list((local_folder(release) or Path("none")).glob("*"))
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(CheckpointError, match=r"127.0.0.1:9/x cannot be reached"):
        pull_entry(replace(release, url="http://127.0.0.1:9/x"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE forbids"):
        pull_entry(release)
    hub.spoil = False
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    pull_entry(release)
    assert is_present(release)
