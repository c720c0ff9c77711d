"""Pictures from, and results to, local folders and S3-compatible stores (s3://bucket/prefix?endpoint=...)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen

from maquette.errors import MaquetteError, OutputError, PictureError
from maquette.mesh.export import make_folder, write_files
from maquette.picture.load import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from maquette.serve.store import S3Store


def is_url(place: str) -> bool:
    """Whether a place is not a local path."""
    return place.startswith(("s3://", "http://", "https://"))


def file_name(place: str) -> str:
    """The last part of a path, or of a URL's path."""
    return Path(urlsplit(place).path if is_url(place) else place).name


def fetch(place: str) -> str | bytes:
    """A local path as it is; the bytes behind a URL.

    Raises:
        PictureError: the URL cannot be read.
    """
    if not is_url(place):
        return place
    try:
        if place.startswith("s3://"):
            return _bucket(place).get(urlsplit(place).path.lstrip("/"))
        with urlopen(place, timeout=60) as answer:
            return bytes(answer.read())
    except MaquetteError:
        raise
    except Exception as error:  # boto3 and urllib have exceptions of their own for each fault
        raise PictureError(
            f"{place} cannot be fetched: {' '.join(str(error).split())}",
            "check the URL, the keys and the endpoint",
        ) from error


def list_pictures(place: str) -> list[str]:
    """The pictures in a folder or below an s3:// prefix, in the order of their names.

    Raises:
        PictureError: there are none, or the place cannot be read.
    """
    if place.startswith("s3://"):
        parts, store = urlsplit(place), _bucket(place)
        try:
            pages = store.client.get_paginator("list_objects_v2").paginate(
                Bucket=parts.netloc, Prefix=parts.path.lstrip("/")
            )
            names = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        except Exception as error:
            raise PictureError(
                f"{place} cannot be listed: {error}", "check bucket, keys and endpoint"
            ) from error
        found = [urlunsplit(parts._replace(path=f"/{name}")) for name in names]
    else:
        found = [str(path) for path in Path(place).iterdir()]
    found = sorted(name for name in found if Path(file_name(name)).suffix.lower() in PICTURE_SUFFIXES)
    if not found:
        raise PictureError(f"'{place}' holds no picture", "PNG, JPEG, WebP, TIFF, GIF or BMP files")
    return found


def _bucket(url: str) -> S3Store:
    """The whole bucket that a URL lies in."""
    from maquette.serve.store import S3Store

    return S3Store(urlunsplit(urlsplit(url)._replace(path="")))


class Shelf:
    """Where the results of a batch go: a folder, or s3://bucket/prefix."""

    def __init__(self, place: str) -> None:
        self.is_local = not place.startswith("s3://")
        self.folder = Path(place)
        if self.is_local:
            if urlsplit(place).scheme in ("http", "https"):
                raise OutputError(f"'{place}' cannot be written to", "name a folder or s3://bucket/prefix")
            make_folder(self.folder)
        else:
            from maquette.serve.store import open_store

            self._store = open_store(place)

    def has(self, name: str) -> bool:
        """Whether a file is there; of a bucket, what the results say is believed."""
        return not self.is_local or (self.folder / name).is_file()

    def put(self, files: dict[str, bytes]) -> None:
        """Write files, each whole or not at all, the last one last.

        Raises:
            OutputError: they cannot be written.
        """
        try:
            if self.is_local:
                for folder in {(self.folder / name).parent for name in files}:
                    folder.mkdir(parents=True, exist_ok=True)
                write_files({self.folder / name: data for name, data in files.items()})
            else:
                for name, data in files.items():
                    self._store.put(name, data)
        except OutputError:
            raise
        except Exception as error:  # boto3 has exceptions of its own for each service
            raise OutputError(
                f"{list(files)[-1]} cannot be stored: {error}", "go on with --resume"
            ) from error
