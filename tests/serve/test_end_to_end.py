"""The real command with the real bundled model, used by the client that people have."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from serve.conftest import running

requests = pytest.importorskip("requests")
EXAMPLE = Path(__file__).parents[2] / "examples" / "chair.png"


@pytest.mark.slow
def test_the_originals_client_works_as_it_stands(tmp_path: Path) -> None:
    with running(tmp_path, "--preload") as site:
        BASE_URL, API_KEY = site.url, "anything"  # noqa: N806 (as people write it)
        img_base64 = base64.b64encode(EXAMPLE.read_bytes()).decode()
        response = requests.post(
            f"{BASE_URL}/generate",
            json={"image": img_base64, "type": "glb"},
            headers={"Authorization": f"Bearer {API_KEY}"},
        )
        assert response.status_code == 200, response.text
        assert response.headers["Content-Type"] == "model/gltf-binary"
        (tmp_path / "chair.glb").write_bytes(response.content)
        from maquette import read_mesh

        assert read_mesh(tmp_path / "chair.glb").is_watertight

        mesh = base64.b64encode(response.content).decode()
        own = requests.post(
            f"{BASE_URL}/generate",
            json={"image": img_base64, "mesh": mesh, "type": "obj", "texture_size": 1024},
        )
        assert own.status_code == 200 and b"mtllib model.mtl" in own.content
        job = requests.get(f"{BASE_URL}/v1/jobs/{own.headers['X-Job-Id']}").json()
        assert {"model.obj", "model.mtl", "model_base_color.png"} <= {file["name"] for file in job["files"]}
        colours = Image.open(
            io.BytesIO(requests.get(f"{BASE_URL}/v1/jobs/{job['id']}/files/model_base_color.png").content)
        )
        assert colours.size == (1024, 1024)
