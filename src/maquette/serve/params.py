"""What a job may be asked: one model of the parameters, and the spellings other services taught people.

The same model serves v1, where an unknown name is an error, and the compatible endpoints, where it is only reported.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from maquette.serve.problems import Problem

VIEWS = ("front", "left", "back", "right")


def _power_of_two(size: int) -> int:
    if size not in (512, 1024, 2048, 4096):
        raise PydanticCustomError("size", "must be 512, 1024, 2048 or 4096")
    return size


Format = Literal["glb", "obj", "ply", "stl", "usdz", "3mf"]
FORMATS: tuple[str, ...] = get_args(Format)
TextureSize = Annotated[
    int, AfterValidator(_power_of_two), Field(json_schema_extra={"enum": [512, 1024, 2048, 4096]})
]
Encoded = Annotated[str, Field(min_length=1, json_schema_extra={"format": "base64"})]
MAX_SEED = 2**53 - 1
"""Largest integer that JSON readers agree about."""

ALIASES = {
    "input_image": "image",
    "input_image_url": "image_url",
    "prompt": "text",
    "num_inference_steps": "steps",
    "guidance_scale": "guidance",
    "octree_resolution": "resolution",
    "num_chunks": "chunk",
    "face_count": "faces",
    "max_facenum": "faces",
    "target_face_num": "faces",
    "targetFaceNum": "faces",
    "target_polycount": "faces",
    "generate_texture": "texture",
    "textured_mesh": "texture",
    "should_texture": "texture",
    "paint": "texture",
    "texture_resolution": "texture_size",
    "remove_background": "cutout",
    "remove_bg": "cutout",
    "type": "formats",
    "format": "formats",
    "output_format": "formats",
    "randomize_seed": "seed",
    "webhook": "webhook_url",
    "webhookURL": "webhook_url",
}
"""Spelling used elsewhere → our name."""


class Images(BaseModel):
    """Pictures of one object by the side they show, each base64 or a data URL."""

    model_config = ConfigDict(extra="forbid")
    front: Encoded
    left: Encoded | None = None
    back: Encoded | None = None
    right: Encoded | None = None


class JobRequest(BaseModel):
    """One thing to make. Give `image`, `image_url`, `images` or `text`; with `mesh`, that mesh is painted."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    image: Encoded | None = Field(None, description="A picture: base64 or a data URL")
    image_url: str | None = Field(
        None, max_length=2000, description="A picture's address on a host the operator allows"
    )
    images: Images | None = None
    mesh: Encoded | None = Field(
        None, description="A mesh to paint instead of making one: base64 of GLB, OBJ, PLY, STL or OFF"
    )
    text: str | None = Field(
        None, min_length=1, max_length=1000, description="Needs a text-to-image model on the server"
    )
    model: str | None = Field(None, max_length=200, description="A name from /v1/models; default: the first")
    painter: str | None = Field(
        None, max_length=40, description="one that this server offers; default: its first"
    )
    texture: bool | None = Field(None, description="Whether to paint; default: if the server can")
    texture_size: TextureSize = 2048
    keep_uv: bool = Field(False, description="Paint `mesh` on its own texture coordinates")
    seed: int | None = Field(None, ge=0, le=MAX_SEED, description="Left out: drawn, and named in the answer")
    steps: int | None = Field(None, ge=1, le=1000, description="Sampling steps; default: the model's own")
    guidance: float | None = Field(None, ge=0, le=100, allow_inf_nan=False)
    resolution: int | None = Field(None, ge=16, le=1024, description="Cells along each side when decoding")
    chunk: int | None = Field(
        None, ge=256, le=1_000_000, description="Points decoded at once; bounds memory only"
    )
    faces: int = Field(40_000, ge=100, le=2_000_000, description="Most faces of the mesh")
    cutout: Literal["auto", "alpha", "grabcut", "rembg", "none"] = "auto"
    formats: list[Format] = Field(["glb"], min_length=1, max_length=6, description="GLB is always made")
    priority: int = Field(5, ge=0, le=9, description="9 goes first")
    webhook_url: str | None = Field(None, max_length=2000, description="Called once the job has ended")

    @model_validator(mode="after")
    def _one_source(self) -> JobRequest:
        given = [name for name in ("image", "image_url", "images", "text") if getattr(self, name) is not None]
        if len(given) != 1:
            found = f"{' and '.join(given)} are given" if given else "nothing is given to work from"
            raise PydanticCustomError("source", f"{found}; give one of image, image_url, images, text")
        if self.mesh and self.texture is False:
            raise PydanticCustomError("source", "a mesh is given but texture is false, so there is no work")
        return self


def writable_formats() -> list[str]:
    """The formats that the packages installed here can write."""
    needed = {"usdz": "pxr"}
    return [name for name in FORMATS if name not in needed or find_spec(needed[name])]


def rename(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Bring a body to our names.

    Returns:
        The body, and which spelling was taken for which name.

    Raises:
        Problem: invalid, where one parameter is given under two names.
    """
    renamed: dict[str, Any] = {}
    aliases: dict[str, str] = {}
    for spelling, value in body.items():
        name = ALIASES.get(spelling, spelling)
        if spelling == "randomize_seed":
            aliases[spelling] = name
            continue
        if name in renamed:
            message = f"is given twice, also as {spelling}"
            raise Problem("invalid", f"{name} {message}", errors={spelling: message})
        if name != spelling:
            aliases[spelling] = name
        renamed[name] = _translate(spelling, value)
    randomize = body.get("randomize_seed", False)
    if randomize not in (True, "true", False, "false", None):
        message = "must be true or false"
        raise Problem("invalid", f"randomize_seed {message}", errors={"randomize_seed": message})
    if randomize in (True, "true"):
        renamed.pop("seed", None)
    return renamed, aliases


def _translate(spelling: str, value: Any) -> Any:
    if spelling in ("remove_background", "remove_bg"):
        return "auto" if value in (True, "true") else "none" if value in (False, "false") else value
    if ALIASES.get(spelling) == "formats" and isinstance(value, str):
        return [value]
    return value


def split_unknown(body: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The parameters we know, and the names of the others."""
    known = {name: value for name, value in body.items() if name in JobRequest.model_fields}
    return known, sorted(set(body) - set(known))


def validate(body: Mapping[str, Any], *, strict: bool) -> JobRequest:
    """Check a body in our names.

    Args:
        body: the parameters.
        strict: refuse "7" for 7, as JSON deserves; a form can only send text.

    Raises:
        Problem: invalid, naming each field.
    """
    try:
        return JobRequest.model_validate(body, strict=strict)
    except ValidationError as error:
        errors = {}
        for fault in error.errors(include_url=False, include_input=False):
            field = ".".join(str(part) for part in fault["loc"]) or "body"
            message = fault["msg"]
            if fault["type"] == "extra_forbidden":
                near = difflib.get_close_matches(field, [*JobRequest.model_fields, *ALIASES], n=1)
                message = "is not a parameter" + (f"; did you mean {near[0]}?" if near else "")
            errors[field] = message
        detail = "; ".join(
            message if name == "body" else f"{name}: {message}" for name, message in errors.items()
        )
        raise Problem("invalid", detail, errors=errors) from None


def parse_json(data: bytes) -> dict[str, Any]:
    """The object in a JSON body.

    Raises:
        Problem: malformed.
    """

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    try:
        body = json.loads(data, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Problem("malformed", f"the body is not JSON: {error or 'nested too deeply'}") from None
    if not isinstance(body, dict):
        raise Problem("malformed", f"the body is a {type(body).__name__}, it must be a JSON object")
    return body
