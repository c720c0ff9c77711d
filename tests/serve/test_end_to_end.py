"""The real command with the real bundled model, used by the client that people have."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

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

        small = {"seed": 1, "octree_resolution": 64, "face_count": 4000}
        painted = requests.post(f"{BASE_URL}/generate", json={"image": img_base64, "texture": True, **small})
        assert painted.status_code == 200, painted.text
        (tmp_path / "painted.glb").write_bytes(painted.content)
        colours = read_mesh(tmp_path / "painted.glb").visual.material.baseColorTexture
        assert colours.size == (2048, 2048)

        mesh = base64.b64encode(response.content).decode()
        own = requests.post(f"{BASE_URL}/generate", json={"image": img_base64, "mesh": mesh, "type": "obj"})
        assert own.status_code == 200 and b"mtllib model.mtl" in own.content
        job = requests.get(f"{BASE_URL}/v1/jobs/{own.headers['X-Job-Id']}").json()
        assert {"model.obj", "model.mtl", "model_base_color.png"} <= {file["name"] for file in job["files"]}
