"""Files in a folder and in a bucket of a real S3-compatible server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")
from maquette.errors import SettingError
from maquette.serve.store import Store, open_store
from serve.databases import S3_KEYS, s3


@pytest.fixture(scope="module", params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    if request.param == "folder":
        yield open_store(str(tmp_path_factory.mktemp("store")))
        return
    with pytest.MonkeyPatch.context() as patch, s3() as url:
        for name, value in S3_KEYS.items():
            patch.setenv(name, value)
        yield open_store(url)


def test_what_was_put_can_be_had_whole_and_in_part(store: Store) -> None:
    data = bytes(range(256)) * 4096
    store.put("job/1/model.glb", data)
    assert store.get("job/1/model.glb") == data
    assert b"".join(store.read("job/1/model.glb", 1000, 900_000)) == data[1000:900_000]
    assert b"".join(store.read("job/1/model.glb", 5, 5)) == b""
    store.put("job/1/model.glb", b"new")
    assert store.get("job/1/model.glb") == b"new"


def test_deleting_a_job_deletes_its_files_alone(store: Store) -> None:
    for key in ("a/1/x", "a/input/front", "ab/1/x"):
        store.put(key, b"data")
    store.delete("a")
    assert store.get("ab/1/x") == b"data"
    with pytest.raises(Exception, match=r"x|key"):
        store.get("a/1/x")


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="file"):
        open_store(str(tmp_path / "file"))
