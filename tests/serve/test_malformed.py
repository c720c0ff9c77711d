"""Pictures and meshes that are not what they say, through the real worker: each is a 4xx, and the worker lives on.

`MALFORMED_INPUTS` sets how many; 40 here, 1000 in a full run.
"""

from __future__ import annotations

import base64
import io
import os
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from serve.conftest import picture_bytes, running

COUNT = int(os.environ.get("MALFORMED_INPUTS", "40"))


def bomb() -> bytes:
    """A PNG of a few hundred bytes that claims 50,000 by 50,000 pixels."""
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    parts = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def bad_pictures(random: np.random.Generator) -> Iterator[bytes]:
    """Fixed cases first, then real files of every format cut off, with bytes changed, and empty of content."""
    yield from (
        b"<html><body>404</body></html>",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"%PDF-1.7",
        bomb(),
        b"\0" * 5000,
    )
    whole = Image.open(io.BytesIO(picture_bytes(48))).convert("RGB")
    files = []
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP"):
        stream = io.BytesIO()
        whole.save(stream, kind)
        files.append(stream.getvalue())
    while True:
        data = files[random.integers(len(files))]
        yield data[: random.integers(4, max(5, len(data) // 3))]
        header = bytearray(data)
        for place in random.integers(2, 40, 12):
            header[place] = random.integers(256)
        yield bytes(header[: len(header) // 2])
        flat = io.BytesIO()
        Image.new("RGB", (32, 32), tuple(random.integers(0, 255, 3).tolist())).save(flat, "PNG")
        yield flat.getvalue()


def bad_meshes(random: np.random.Generator) -> Iterator[bytes]:
    """Headers without bodies, bodies without sense."""
    yield from (
        b"ply\nformat ascii 1.0\n",
        b"v 0 0 0\nf 1 2 3\n",
        b"OFF\n3 1 0\n",
        b"solid\nendsolid\n",
        b"{}",
    )
    while True:
        noise = random.bytes(int(random.integers(10, 3000)))
        length = 12 + len(noise)
        yield b"glTF" + struct.pack("<II", 2, length) + noise
        yield b"\0" * 80 + struct.pack("<I", 10**9) + noise
        vertices = f"element vertex {random.integers(1, 10**9)}\nproperty float x\n"
        yield f"ply\nformat binary_little_endian 1.0\n{vertices}end_header\n".encode() + noise


@pytest.mark.slow
def test_every_malformed_input_is_refused_and_the_worker_lives(tmp_path: Path, image: str) -> None:
    random = np.random.default_rng(7)
    pictures, meshes = bad_pictures(random), bad_meshes(random)
    bodies: list[dict[str, Any]] = []
    for index in range(COUNT):
        if index % 4 == 3:
            bodies.append({"image": image, "mesh": base64.b64encode(next(meshes)).decode()})
        else:
            bodies.append({"image": base64.b64encode(next(pictures)).decode()})
    with running(tmp_path, "--painter", "project") as site, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda body: site.client.post("/generate", json=body), bodies))
        wrong = [
            (body, answer.text)
            for body, answer in zip(bodies, answers, strict=True)
            if answer.status_code != 422
        ]
        assert not wrong, wrong[:3]
        assert all(answer.json()["detail"] for answer in answers)
        workers = site.client.get("/readyz").json()["workers"]
        log = (tmp_path / "web.log").read_text()
        assert workers == 1 and "traceback" not in log, log[-3000:]
