"""Reading of JSON files, with errors for the user."""

from __future__ import annotations

import os
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.json_values import MOST_BYTES, json_values
from LiverTumorAttentionLib.regular_file import read_regular, reason


def read_json(path: str | os.PathLike[str], name: str) -> Any:
    """Return what a JSON file holds. name: what to call it in an error.

    Raises `InputError` when it is missing, no regular file, larger than `MOST_BYTES`, or no JSON; NaN is none.
    """
    return parse_json(read_bytes(path, name), f"the {name} '{path}'")


def read_bytes(path: str | os.PathLike[str], name: str) -> bytes:
    """Return the content of a file of JSON, unparsed. Raises `InputError` as `read_json` does."""
    try:
        return read_regular(path, most_bytes=MOST_BYTES)
    except FileNotFoundError as error:
        raise InputError(f"the {name} '{path}' does not exist: check the path") from error
    except IsADirectoryError as error:
        raise InputError(f"the {name} '{path}' is a folder: name the file itself") from error
    except PermissionError as error:
        raise InputError(f"the {name} '{path}' may not be read: ask for the permission to read it") from error
    except OSError as error:
        raise InputError(f"the {name} '{path}' cannot be read ({reason(error)}): choose another") from error


def parse_json(content: bytes | str, what: str) -> Any:
    """Return what a JSON text holds, with or without a byte order mark. what: how to call it in the error.

    Raises `InputError` for text that is no JSON; NaN is none.
    """
    try:
        return json_values(content)
    except ValueError as error:
        raise InputError(
            f"{what} is no valid JSON ({reason(error)}): correct it or choose another"
        ) from error
