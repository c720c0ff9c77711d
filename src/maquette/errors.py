"""The errors a caller may want to catch. Every message names what was wrong and what would be right."""

from __future__ import annotations


class MaquetteError(Exception):
    """Base of all errors that maquette raises on purpose.

    Args:
        message: one sentence that names the file or field and what is wrong with it.
        hint: what the user can do about it; printed on the same line by the command.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message} ({hint})")
        self.message = message
        self.hint = hint


class PictureError(MaquetteError):
    """A picture cannot be read, is too large or too small, or shows no object."""

    exit_code = 3


class MeshError(MaquetteError):
    """A mesh cannot be read, has no usable surface, or cannot be written in the format asked for."""

    exit_code = 4


class CheckpointError(MaquetteError):
    """Weights are missing, damaged, or do not fit the network they are meant for."""

    exit_code = 5


class SettingError(MaquetteError):
    """A setting is out of its range. The message names the setting, its value and the range."""

    exit_code = 2


class OutputError(MaquetteError):
    """The result cannot be written where it was asked for."""

    exit_code = 6


class CancelledError(MaquetteError):
    """The work was cancelled by the caller."""

    exit_code = 130
