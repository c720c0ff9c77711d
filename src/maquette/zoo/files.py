"""Where the weights of a model lie on this machine, and fetching them.

Fetched files live in the cache of `huggingface_hub`, so that models fetched by other programs are found and nothing is
stored twice; what does not come from the hub lies in a folder beside that cache. The hub's own environment variables
count: HF_HOME, HF_HUB_CACHE, HF_ENDPOINT (a mirror), HF_TOKEN, HF_HUB_OFFLINE.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from maquette.errors import CheckpointError
from maquette.zoo.catalog import (
    BUNDLED,
    BUNDLED_PAINTER,
    Kind,
    ModelEntry,
    bundled_file,
    bundled_painter,
    find_entry,
    list_models,
)

WEIGHT_FILES = tuple(
    f"model{precision}.{kind}" for kind in ("safetensors", "ckpt") for precision in (".fp16", "")
)
SHA256_LENGTH, GIT_SHA_LENGTH = 64, 40
RANGE_NOT_SATISFIABLE = 416
BLOCK = 1 << 22
LARGE = (".safetensors", ".ckpt", ".bin", ".pth")


def cache_folder() -> Path:
    """The hub's cache, found as `huggingface_hub` finds it."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    home = Path(os.environ.get("HF_HOME") or home)
    return Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()


def local_folder(entry: ModelEntry) -> Path | None:
    """The folder with all of a model's files, or None where some are missing."""
    if entry.name == BUNDLED:
        return bundled_file().parent if bundled_file().is_file() else None
    if entry.name == BUNDLED_PAINTER:
        return bundled_painter() if bundled_painter().is_dir() else None
    snapshot = _snapshot(entry)
    if snapshot is None or missing_files(entry):
        return None
    return snapshot / os.path.commonpath([str(Path(name).parent) for name in entry.files])


def missing_files(entry: ModelEntry) -> list[str]:
    """Files of a model that are not here. Any of the published weight files stands for the one the catalogue names."""
    snapshot = _snapshot(entry)
    if snapshot is None:
        return list(entry.files)
    return [
        name
        for name in entry.files
        if not (snapshot / name).is_file()
        and not (Path(name).name in WEIGHT_FILES and find_weights((snapshot / name).parent))
    ]


def is_present(entry: ModelEntry) -> bool:
    """Whether all of the model's files are on this machine."""
    return local_folder(entry) is not None


def find_weights(folder: Path) -> Path | None:
    """The weight file in a folder of the published layout: half precision and .safetensors first."""
    return next((folder / name for name in WEIGHT_FILES if (folder / name).is_file()), None)


def resolve_model(name: str, kind: Kind = "shape") -> Path:
    """The file or folder of a catalogue name, or of a path.

    Raises:
        CheckpointError: the name is unknown or its weights are not here.
    """
    path = Path(name).expanduser()
    if path.exists() and name != BUNDLED:
        return path
    if path.suffix in (".safetensors", ".ckpt") or name.startswith((".", "/", "~")):
        raise CheckpointError(f"{path} does not exist", "give a weight file, a folder or a name")
    entry = find_entry(name, kind)
    if entry.kind != kind:
        raise CheckpointError(f"{entry.name} is {entry.summary}, not a {kind} model", "see `maquette models`")
    folder = local_folder(entry)
    if folder is None:
        missing = missing_files(entry)
        half = f"; {', '.join(missing)} is missing" if len(missing) < len(entry.files) else ""
        raise CheckpointError(
            f"the weights of {entry.name} are not on this machine{half}", f"maquette models pull {entry.name}"
        )
    return bundled_file() if entry.name == BUNDLED else folder


def choose_model(views: Sequence[str]) -> str:
    """The model for these views where none was named: the bundled one, or a multi-view one that is here.

    Raises:
        CheckpointError: several views, or one that is not the front, and no multi-view model is here.
    """
    if list(views) == ["front"]:
        return BUNDLED
    several = [entry for entry in list_models() if entry.views]
    for entry in several:
        if is_present(entry):
            return entry.name
    raise CheckpointError(
        f"the views {', '.join(views)} need a multi-view model, and none is on this machine",
        f"maquette models pull {several[0].name}; or give one picture, or --model bundled for the front alone",
    )


def choose_painter() -> str:
    """The paint model where none was named: a published one that is here, else the bundled one."""
    painters = [entry for entry in list_models() if entry.kind == "paint" and entry.repo]
    return next((entry.name for entry in painters if is_present(entry)), BUNDLED_PAINTER)


def pull(entry: ModelEntry, on_file: Callable[[str], None] = lambda name: None) -> Path:
    """Fetch a model's files, going on where an earlier try stopped, and hold each against its checksum.

    Args:
        entry: of the catalogue.
        on_file: told each file before it is fetched.

    Returns:
        The folder they are in.

    Raises:
        CheckpointError: no network, no access, no space, or a file that is not what the hub says; whatever was fetched
            before stays usable.
    """
    if entry.repo is None and entry.url is None:
        return local_folder(entry) or bundled_file().parent
    try:
        import huggingface_hub
    except ImportError as error:
        raise CheckpointError(
            "fetching models needs huggingface_hub", "pip install huggingface_hub"
        ) from error
    for name in entry.files:
        on_file(name)
        try:
            if entry.repo is None:
                _fetch_file(entry, name)
                continue
            if Path(name).suffix in LARGE and not huggingface_hub.is_offline_mode():
                _fetch_blob(entry.repo, name)
            path = Path(huggingface_hub.hf_hub_download(entry.repo, name))
        except Exception as error:
            raise _explain(error, entry, name) from error
        _verify(path, name)
    folder = local_folder(entry)
    if folder is None:  # another process removed it meanwhile
        raise CheckpointError(f"{entry.name} vanished from {cache_folder()}", "pull it again")
    return folder


def _snapshot(entry: ModelEntry) -> Path | None:
    """The newest fetched state of the model's repository, or the folder of what is not on the hub."""
    if entry.url is not None:
        return cache_folder().parent / "maquette"
    if entry.repo is None:
        return None
    repository = cache_folder() / f"models--{entry.repo.replace('/', '--')}"
    reference = repository / "refs" / "main"
    if reference.is_file():
        return repository / "snapshots" / reference.read_text().strip()
    snapshots = sorted((repository / "snapshots").glob("*"), key=lambda path: path.stat().st_mtime)
    return snapshots[-1] if snapshots else None


def _fetch_blob(repo: str, name: str) -> None:
    """Fetch a large file's content into the cache, going on with what a killed process left of it.

    The hub's own download starts a new partial file in every process; it takes finished content as it finds it.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import WeakFileLock, build_hf_headers

    found = get_hf_file_metadata(hf_hub_url(repo, name))
    folder = f"models--{repo.replace('/', '--')}"
    blob = cache_folder() / folder / "blobs" / str(found.etag)
    lock = cache_folder() / ".locks" / folder / f"{found.etag}.lock"
    for parent in (blob.parent, lock.parent):
        parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if blob.exists():
            return
        left = sorted(blob.parent.glob(f"{blob.name}*.incomplete"), key=lambda path: path.stat().st_size)
        if left:
            os.replace(left[-1], _partial(blob))
        os.replace(_go_on(blob, found.location, name, found.size, build_hf_headers()), blob)


def _fetch_file(entry: ModelEntry, name: str) -> None:
    """Fetch what is not on the hub, going on with what an earlier try left of it."""
    from huggingface_hub import is_offline_mode
    from huggingface_hub.errors import OfflineModeIsEnabled
    from huggingface_hub.utils import WeakFileLock

    folder = _snapshot(entry)
    assert folder is not None and entry.url is not None
    file = folder / name
    if is_offline_mode() and not file.is_file():
        raise OfflineModeIsEnabled
    folder.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(folder / f"{name}.lock"):
        if not file.is_file():
            partial = _go_on(file, entry.url, name)
            _verify(partial, name, entry.sha256)
            os.replace(partial, file)


def _partial(file: Path) -> Path:
    return file.with_name(f"{file.name}.incomplete")


def _go_on(
    file: Path, url: str, name: str, size: int | None = None, headers: dict[str, str] | None = None
) -> Path:
    """Fetch what is missing of the file's partial content, and return that."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get

    partial = _partial(file)
    with partial.open("ab") as stream:
        begin = stream.tell()
        try:
            http_get(
                url, stream, resume_size=begin, headers=headers, expected_size=size, displayed_filename=name
            )
        except HfHubHTTPError as error:
            if error.response.status_code != RANGE_NOT_SATISFIABLE:  # nothing was missing
                raise
    return partial


def _verify(path: Path, name: str, expected: str | None = None) -> None:
    """The cache names a file's content by its checksum: SHA-256 for large files, git's for small ones."""
    content = path.resolve()
    expected = expected or content.name
    if len(expected) not in (SHA256_LENGTH, GIT_SHA_LENGTH):
        return  # a file system without links keeps no checksum
    digest = hashlib.sha256() if len(expected) == SHA256_LENGTH else hashlib.sha1()
    if len(expected) == GIT_SHA_LENGTH:
        digest.update(f"blob {content.stat().st_size}\0".encode())
    with content.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    if digest.hexdigest() != expected:
        path.unlink()
        content.unlink(missing_ok=True)
        raise CheckpointError(f"{name} was damaged on its way and has been removed", "pull it again")


def _explain(error: Exception, entry: ModelEntry, name: str) -> CheckpointError:
    """What went wrong on the hub, in a sentence."""
    from huggingface_hub import errors, is_offline_mode

    if isinstance(error, CheckpointError):
        return error
    page, host = f"https://huggingface.co/{entry.repo}", "the hub" if entry.repo else str(entry.url)
    again = "what was fetched is kept; pull again to go on"
    if isinstance(error, errors.GatedRepoError):
        return CheckpointError(
            f"{entry.repo} asks for a login", f"accept its terms at {page} and set HF_TOKEN to your token"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return CheckpointError(
            f"{entry.repo} is not on the hub, or your token may not see it", "check HF_ENDPOINT and HF_TOKEN"
        )
    offline = errors.OfflineModeIsEnabled
    if isinstance(error, (errors.LocalEntryNotFoundError, offline)) or _is_transport(error):
        if is_offline_mode():
            return CheckpointError(
                f"{name} is not here and HF_HUB_OFFLINE forbids to fetch it", "unset HF_HUB_OFFLINE"
            )
        return CheckpointError(
            f"{host} cannot be reached to fetch {name}", "check the network, HF_ENDPOINT or a proxy"
        )
    if isinstance(error, errors.EntryNotFoundError):
        return CheckpointError(f"{entry.repo} has no {name} any more", "update maquette")
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return CheckpointError(f"{name} cannot be stored: {error.strerror}: {error.filename}", "see HF_HOME")
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return CheckpointError(f"fetching {name} failed: {reason}", again)


def _is_transport(error: Exception) -> bool:
    """Whether no answer came. The hub library's HTTP library changed its name between versions."""
    return any(kind.__name__ == "TransportError" for kind in type(error).__mro__)
