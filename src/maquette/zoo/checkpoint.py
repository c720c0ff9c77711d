"""Reading weight files: .safetensors and the zip files of torch.save, one tensor at a time.

The names, shapes and types of a file are known at once and are held against the network before anything is read. Then
each tensor's bytes are read once, straight into the memory it will live in or be converted from, so that loading needs
little more than the weights themselves: nothing is mapped, and no whole state dict is ever held twice.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from maquette.errors import CheckpointError
from maquette.zoo.keymap import KeyMap, to_published

PICKLED = (".ckpt", ".pt", ".pth", ".bin")
SAFETENSORS_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
MAX_HEADER = 100_000_000  # as safetensors itself
FETCH_AGAIN = "it is damaged or only partly downloaded: fetch it again"


@dataclass(frozen=True)
class Stored:
    """Where one tensor lies in its file, and how."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    offset: int
    strides: tuple[int, ...] | None = None
    """In elements; None when the elements lie in order."""

    @property
    def num_elements(self) -> int:
        """Elements to read, gaps between strided ones included."""
        if self.strides is None or 0 in self.shape:
            return math.prod(self.shape)
        return 1 + sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))

    @property
    def num_bytes(self) -> int:
        """Bytes to read."""
        return self.num_elements * self.dtype.itemsize


@dataclass(frozen=True)
class TensorFile:
    """The tensors of one file by name, or those under one prefix; nothing is read before `read`."""

    path: Path
    stored: Mapping[str, Stored]
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """Of all tensors."""
        return set(self.stored)

    def part(self, prefix: str) -> TensorFile:
        """Only the tensors under `prefix`, named without it."""
        inside = {n[len(prefix) :]: stored for n, stored in self.stored.items() if n.startswith(prefix)}
        return TensorFile(self.path, inside, self.metadata)

    def without(self, names: set[str]) -> TensorFile:
        """All tensors but those."""
        kept = {name: stored for name, stored in self.stored.items() if name not in names}
        return TensorFile(self.path, kept, self.metadata)

    def read(self, name: str, file: BinaryIO) -> Tensor:
        """One tensor, on the CPU, as stored; `file` is this path, opened without buffering."""
        stored = self.stored[name]
        flat = torch.empty(stored.num_elements, dtype=stored.dtype)
        if stored.num_bytes:
            view = memoryview(flat.view(torch.uint8).numpy())  # type: ignore[arg-type]
            file.seek(stored.offset)
            while view:  # a system call reads 2 GB at most
                count = file.readinto(view)  # type: ignore[attr-defined]
                if not count:
                    raise CheckpointError(f"{self.path} ends in the middle of {name!r}", FETCH_AGAIN)
                view = view[count:]
        if stored.strides is not None:
            return flat.as_strided(stored.shape, stored.strides)
        return flat.view(stored.shape)


def open_tensors(path: Path) -> TensorFile:
    """What a weight file holds. Of pickles only tensors are taken; one that wants code run is refused.

    The state dicts in a .ckpt may be nested ({"model": {...}, "vae": {...}}): their names are joined by dots, as the
    published .safetensors files name them.

    Raises:
        CheckpointError: the file is missing, damaged, incomplete, of another kind, or wants code.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file", "give a .safetensors or .ckpt file")
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{path} is a Git LFS pointer, not the weights", "run `git lfs pull` in its folder"
        )
    if path.suffix not in (".safetensors", *PICKLED):
        raise CheckpointError(f"{path} is no weight file", f"known are .safetensors, {', '.join(PICKLED)}")
    tensors = _read_pickled(path) if path.suffix in PICKLED else _read_safetensors(path, size)
    if not tensors.stored:
        raise CheckpointError(f"{path} holds no tensors", "is it a weight file at all?")
    end = max(stored.offset + stored.num_bytes for stored in tensors.stored.values())
    if end > size:
        raise CheckpointError(f"{path} has {size} bytes of at least {end}", FETCH_AGAIN)
    return tensors


def check(network: nn.Module, key_map: KeyMap, tensors: TensorFile, what: str) -> None:
    """Hold a file's tensors against a network, name by name and shape by shape.

    Raises:
        CheckpointError: names the first tensors that are missing, unexpected or of another shape.
    """
    wanted = {name: tuple(t.shape) for name, t in to_published(network.state_dict(), key_map).items()}
    faults = {
        "missing": sorted(wanted.keys() - tensors.names),
        "unexpected": sorted(tensors.names - wanted.keys()),
        "of another shape": [
            f"{name} is {list(tensors.stored[name].shape)} where the configuration asks for {list(shape)}"
            for name, shape in wanted.items()
            if name in tensors.stored and tensors.stored[name].shape != shape
        ],
    }
    found = [
        f"{len(names)} {kind} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
        for kind, names in faults.items()
        if names
    ]
    if found:
        raise CheckpointError(
            f"{tensors.path}: the tensors of the {what} do not match the network: {'; '.join(found)}",
            "is it the checkpoint of another model, or its configuration another's?",
        )


def fill(
    network: nn.Module,
    key_map: KeyMap,
    tensors: TensorFile,
    what: str,
    device: torch.device,
    dtype: torch.dtype,
    on_bytes: Callable[[int], None] = lambda count: None,
) -> None:
    """Give a network that was built on the meta device the tensors of a file; then it is ready to run.

    Args:
        network: its buffers that are not stored are computed by building its modules' like once more.
        key_map: the published names of its tensors.
        tensors: exactly those of the network, by their published names.
        what: the network's name, for errors.
        device, dtype: where and as what the weights are to live.
        on_bytes: told the bytes of each tensor that was read.

    Raises:
        CheckpointError: as `check`, before anything is read; or the file ends early.
    """
    check(network, key_map, tensors, what)
    # In the file's own order: disks and network mounts like that.
    order = sorted(key_map, key=lambda entry: tensors.stored[entry.published[0]].offset)
    with tensors.path.open("rb", buffering=0) as file:
        for entry in order:
            parts: Sequence[Tensor] = [tensors.read(name, file) for name in entry.published]
            on_bytes(sum(tensors.stored[name].num_bytes for name in entry.published))
            value = entry.to_ours(list(parts)).contiguous()
            del parts
            _give(network, entry.ours, value.to(device, dtype))
    ready(network, device)


def ready(network: nn.Module, device: torch.device) -> None:
    """After the weights: compute the buffers that no file holds, and set the network to inference."""
    for module in network.modules():
        module.requires_grad_(False)
        for name, buffer in list(module.named_buffers(recurse=False)):
            if buffer.is_meta:
                setattr(module, name, type(module)(module.config).get_buffer(name).to(device))
    network.eval()


def _give(network: nn.Module, name: str, value: Tensor) -> None:
    """Replace one parameter or buffer, without the copy that `load_state_dict` would look through everything for."""
    owner, _, leaf = name.rpartition(".")
    module = network.get_submodule(owner)
    is_parameter = leaf in dict(module.named_parameters(recurse=False))
    setattr(module, leaf, nn.Parameter(value, requires_grad=False) if is_parameter else value)


def _read_safetensors(path: Path, size: int) -> TensorFile:
    """The header: its length in 8 bytes, then JSON with type, shape and offsets of every tensor."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MAX_HEADER, size - 8):
            raise CheckpointError(f"{path} is no safetensors file, or cut short", FETCH_AGAIN)
        try:
            header = json.loads(file.read(length))
            metadata = header.pop("__metadata__", {})
            stored = {
                name: Stored(
                    tuple(record["shape"]),
                    SAFETENSORS_TYPES[record["dtype"]],
                    8 + length + record["data_offsets"][0],
                )
                for name, record in header.items()
            }
            lengths = {name: record["data_offsets"] for name, record in header.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(f"{path}: its header cannot be read: {error}", FETCH_AGAIN) from error
    wrong = [name for name, (begin, end) in lengths.items() if end - begin != stored[name].num_bytes]
    if wrong:
        raise CheckpointError(f"{path}: {wrong[0]!r} has another length than its shape says", FETCH_AGAIN)
    return TensorFile(path, stored, metadata)


def _read_pickled(path: Path) -> TensorFile:
    """The index of a torch.save file: fake tensors carry shapes and offsets, and no data is touched."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            raise CheckpointError(
                f"{path} is no zip file as torch.save writes since 2020", "fetch it again, or save it anew"
            )
    try:
        with FakeTensorMode():
            content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        reason = next((line for line in str(error).splitlines() if "GLOBAL" in line), "it is no plain pickle")
        raise CheckpointError(
            f"{path} wants to run code when it is read, which is refused: {reason.strip()}",
            "convert it to .safetensors where you trust it",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path} cannot be read: {reason}", FETCH_AGAIN) from error
    return TensorFile(path, {name: _stored(tensor, path) for name, tensor in _tensors_in(content, "")})


def _tensors_in(content: Any, prefix: str) -> list[tuple[str, Tensor]]:
    """Tensors in nested dicts with their dotted names; anything else (steps, settings) is left out."""
    if isinstance(content, Tensor):
        return [(prefix, content)]
    if not isinstance(content, Mapping):
        return []
    return [
        found
        for name, value in content.items()
        for found in _tensors_in(value, f"{prefix}.{name}" if prefix else str(name))
    ]


def _stored(tensor: Tensor, path: Path) -> Stored:
    offset = getattr(tensor.untyped_storage(), "_checkpoint_offset", None)
    if offset is None:
        raise CheckpointError(f"{path} cannot be read by torch {torch.__version__}", "update to 2.7 or later")
    return Stored(
        tuple(tensor.shape),
        tensor.dtype,
        offset + tensor.storage_offset() * tensor.dtype.itemsize,
        None if tensor.is_contiguous() else tuple(tensor.stride()),
    )


def write_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write a .safetensors file, whole or not at all."""
    from safetensors.torch import save_file

    partial = path.with_suffix(".partial")
    save_file(dict(tensors), partial, metadata=dict(metadata))
    os.replace(partial, path)
