"""PNG files and PNG data URIs."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from LiverTumorAttentionLib.errors import InputError, OutputError


def check_png(path: str | Path) -> Path:
    """Return the path of a picture. Raises `InputError` unless it ends in ``.png``."""
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise InputError(f"the preview {target.name!r} must be a picture whose name ends in .png: rename it")
    return target


def write_png(target: Path, picture: Image.Image) -> None:
    """Write a picture. Raises `OutputError` when it cannot be written."""
    try:
        picture.save(target, "PNG")
    except OSError as error:
        raise OutputError(
            f"the preview cannot be written to {target}; choose a folder that exists and may be written to"
        ) from error


def png_data_uri(picture: NDArray[np.uint8]) -> str:
    """Return gray levels (rows, columns), RGB (rows, columns, 3) or RGBA (rows, columns, 4) as a data URI."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
