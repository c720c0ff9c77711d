"""Where inputs and results lie: a local folder, or a bucket of any S3-compatible service.

Keys are made by the service (`job/attempt/name`), never taken from a request.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from maquette.errors import SettingError

CHUNK = 1 << 18


class Store(Protocol):
    """Bytes by key."""

    def put(self, key: str, data: bytes) -> None:
        """Keep bytes; a reader sees all of them or none."""

    def get(self, key: str) -> bytes:
        """All bytes of a key."""

    def read(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to and without `end`, in pieces."""

    def delete(self, job: str) -> None:
        """Forget all that belongs to a job."""

    def check(self) -> None:
        """Raise where nothing could be written."""


def open_store(url: str) -> Store:
    """A folder, which is made; or s3://bucket/prefix?endpoint=https://host&region=name.

    Raises:
        SettingError: the place cannot be used.
    """
    try:
        store: Store = S3Store(url) if url.startswith("s3://") else FolderStore(Path(url))
        store.check()
    except SettingError:
        raise
    except Exception as error:  # boto3 has exceptions of its own for each service
        raise SettingError(
            f"the storage {url} cannot be used: {error}", "name a writable folder or an existing bucket"
        ) from error
    return store


class FolderStore:
    """Files below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()

    def put(self, key: str, data: bytes) -> None:
        """Keep bytes; a reader sees all of them or none."""
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        passing = path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            passing.write_bytes(data)
            os.replace(passing, path)
        finally:
            with contextlib.suppress(OSError):
                passing.unlink(missing_ok=True)

    def get(self, key: str) -> bytes:
        """All bytes of a key."""
        return (self.root / key).read_bytes()

    def read(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to and without `end`, in pieces."""
        with open(self.root / key, "rb") as stream:
            stream.seek(start)
            while start < end and (piece := stream.read(min(CHUNK, end - start))):
                start += len(piece)
                yield piece

    def delete(self, job: str) -> None:
        """Forget all that belongs to a job."""
        shutil.rmtree(self.root / job, ignore_errors=True)

    def check(self) -> None:
        """Raise where nothing could be written."""
        self.root.mkdir(parents=True, exist_ok=True)
        if not os.access(self.root, os.W_OK):
            raise SettingError(f"the storage folder {self.root} is not writable", "choose another --storage")


class S3Store:
    """Objects below a prefix of one bucket. Credentials come from where boto3 looks for them."""

    def __init__(self, url: str) -> None:
        try:
            import boto3
        except ImportError as error:
            raise SettingError("s3:// storage needs the package boto3", "pip install boto3") from error
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self.bucket, self.prefix = parts.netloc, parts.path.strip("/")
        self.client: Any = boto3.client(
            "s3", endpoint_url=options.get("endpoint"), region_name=options.get("region")
        )

    def put(self, key: str, data: bytes) -> None:
        """Keep bytes; a reader sees all of them or none."""
        self.client.put_object(Bucket=self.bucket, Key=self._key(key), Body=data)

    def get(self, key: str) -> bytes:
        """All bytes of a key."""
        return bytes(self.client.get_object(Bucket=self.bucket, Key=self._key(key))["Body"].read())

    def read(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to and without `end`, in pieces."""
        if start < end:
            span = f"bytes={start}-{end - 1}"
            found = self.client.get_object(Bucket=self.bucket, Key=self._key(key), Range=span)
            yield from found["Body"].iter_chunks(CHUNK)

    def delete(self, job: str) -> None:
        """Forget all that belongs to a job."""
        pages = self.client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix=self._key(f"{job}/")):
            names = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
            if names:
                self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": names})

    def check(self) -> None:
        """Raise where nothing could be written."""
        self.client.head_bucket(Bucket=self.bucket)

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key
