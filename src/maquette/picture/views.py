"""One object's pictures, cut out once, by the name of the side they show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from maquette.errors import PictureError, SettingError
from maquette.picture.cutout import Cutout, Method, cut_out
from maquette.picture.load import load_picture
from maquette.picture.recentre import VIEWS
from maquette.runtime.progress import OnProgress, silent

Source: TypeAlias = "str | Path | bytes | Image.Image | Cutout"
"""A picture's file, its bytes, a PIL image, or an object that is cut out already."""


def cut_out_views(
    pictures: Source | Mapping[str, Source], method: Method = "auto", on_progress: OnProgress = silent
) -> dict[str, Cutout]:
    """Cut the object out of each picture that is not cut out already.

    Args:
        pictures: one picture, which counts as the front, or several by name; names are those of `VIEWS`.
        method: as for `cut_out`.
        on_progress: told after each picture.

    Returns:
        The cut-outs by name, in the order of `VIEWS`.

    Raises:
        PictureError: a picture cannot be read or shows no object; with several, the message names the view.
        SettingError: there is no picture, or a name is not in `VIEWS`.
    """
    views = pictures if isinstance(pictures, Mapping) else {"front": pictures}
    unknown = [name for name in views if name not in VIEWS]
    if unknown or not views:
        found = f"unknown view {unknown[0]!r}" if unknown else "no picture was given"
        raise SettingError(found, f"the views are {', '.join(VIEWS)}")
    cutouts = {}
    for done, name in enumerate(sorted(views, key=VIEWS.index)):
        on_progress("picture", done, len(views))
        source = views[name]
        try:
            cutouts[name] = source if isinstance(source, Cutout) else cut_out(load_picture(source), method)
        except PictureError as error:
            if len(views) == 1:
                raise
            raise PictureError(f"the {name} view: {error.message}", error.hint) from error
    on_progress("picture", len(views), len(views))
    return cutouts
