"""Run as a program by `checkpoints.py`: reads one untrusted file and writes what it holds of tensors and plain values.

    python checkpoint_child.py REQUEST

REQUEST is a JSON file: "kind" ("checkpoint" or "pickle"), "path", "memory_bytes", "tensors" (where they may lie: lists
of keys, the first that is there), "leave_out" (names of tensors, a pattern), "facts" ({name: list of keys}), "weights"
and "answer" (files to write). Nothing of this project is imported. A checkpoint is read by torch.load with
weights_only=True, a pickle by an unpickler that knows numpy arrays and plain types; neither calls anything else.
"""

from __future__ import annotations

import importlib
import io
import json
import pickle
import re
import sys
from typing import Any

if __name__ == "__main__":
    sys.path.pop(0)  # this folder has packages that are named like others

MOST_VALUES = 1_000_000
"""Numbers and texts that a pickle may hold."""


class Refused(Exception):
    """The file holds what is neither a tensor nor a plain value."""


def main() -> int:
    """Answer the request. Returns 0; every failure is part of the answer."""
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    answer: dict[str, Any]
    try:
        kind = {"checkpoint": _checkpoint, "pickle": _pickle}[request["kind"]]
        answer = {"facts": kind(request)}
    except Refused as error:
        answer = {"refused": str(error)}
    except MemoryError:
        answer = {"memory": True}
    except Exception as error:  # whatever a damaged file makes of its readers
        text = " ".join(f"{type(error).__name__}: {error}".split())
        answer = {"memory": True} if _is_memory(text) else {"damaged": text[:300]}
    with open(request["answer"], "w", encoding="utf-8") as file:
        json.dump(answer, file)
    return 0


def _is_memory(text: str) -> bool:
    return (
        re.search(r"can't allocate|not enough memory|bad_alloc|unable to mmap|Cannot allocate", text)
        is not None
    )


def _limit(more_bytes: int) -> None:
    """Allow this process so much more address space than it has, where the system can."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        limit = used + more_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ImportError, OSError, ValueError):
        return


def _multiarray() -> Any:
    """Return the module in which numpy rebuilds arrays and scalars; its name differs between versions."""
    try:
        return importlib.import_module("numpy._core.multiarray")
    except ImportError:
        return importlib.import_module("numpy.core.multiarray")


def _checkpoint(request: dict[str, Any]) -> dict[str, Any]:
    import numpy as np
    import safetensors.torch
    import torch

    _limit(request["memory_bytes"])
    multiarray = _multiarray()
    kinds = [type(np.dtype(code)) for code in ("f8", "f4", "i8", "i4", "?")]
    torch.serialization.add_safe_globals(
        [
            *((multiarray.scalar, f"{place}.multiarray.scalar") for place in ("numpy.core", "numpy._core")),
            np.dtype,
            *kinds,
        ]
    )
    try:
        loaded = torch.load(request["path"], map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"(?i)unsupported (?:global|class|operand)[^a-z]*(?:global )?([\w.]+)", str(error))
        if named is None:
            raise
        raise Refused(named[1].rstrip(".")) from error
    tensors = _found(loaded, request["tensors"])
    if not isinstance(tensors, dict) or not tensors:
        entries = (
            [str(key)[:40] for key in loaded][:6] if isinstance(loaded, dict) else [type(loaded).__name__]
        )
        return {"": None, "entries": entries}
    left_out = re.compile(request["leave_out"] or r"(?!)")
    kept: dict[str, Any] = {}
    for name, value in tensors.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise Refused(f"{str(name)[:60]} of type {type(value).__name__} among its parameters")
        if left_out.match(name):
            continue
        if value.layout != torch.strided or value.is_quantized or value.is_meta or value.is_complex():
            raise Refused(f"{name[:60]}, a tensor without plain numbers")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            return {"": "not finite"}
        kept[name] = value.detach().clone().contiguous()
    safetensors.torch.save_file(kept, request["weights"])
    facts = {name: _plain(_found(loaded, [keys]), [0]) for name, keys in request["facts"].items()}
    return {"": "read", **facts}


def _found(loaded: Any, places: list[list[Any]]) -> Any:
    """Return what lies at the first of several places that is there, or None."""
    for keys in places:
        value = loaded
        for key in keys:
            if (isinstance(value, dict) and key in value) or (
                isinstance(value, list | tuple) and isinstance(key, int) and key < len(value)
            ):
                value = value[key]
            else:
                break
        else:
            return value
    return None


def _pickle(request: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    _limit(request["memory_bytes"])
    with open(request["path"], "rb") as file:
        content = file.read()
    loaded = _PlainUnpickler(content, np).load()
    facts = {name: _plain(_found(loaded, [keys]), [0]) for name, keys in request["facts"].items()}
    return {"": "read", **facts}


class _PlainUnpickler(pickle.Unpickler):
    """Unpickles numpy arrays, numpy scalars, and what needs no name at all; refuses every other name."""

    def __init__(self, content: bytes, np: Any) -> None:
        super().__init__(io.BytesIO(content), encoding="latin1")
        multiarray = _multiarray()
        self._known: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): dict,
            ("_codecs", "encode"): _encoded,
            ("numpy", "dtype"): np.dtype,
            ("numpy", "ndarray"): np.ndarray,
        }
        for place in ("numpy.core.multiarray", "numpy._core.multiarray"):
            self._known[place, "_reconstruct"] = multiarray._reconstruct
            self._known[place, "scalar"] = multiarray.scalar

    def find_class(self, module: str, name: str) -> Any:
        known = self._known.get((module, name))
        if known is None:
            raise Refused(f"{module}.{name}"[:120])
        return known

    def persistent_load(self, pid: Any) -> Any:
        raise Refused("a reference to something outside of it")


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    """Return the bytes of a text as pickles of Python 2 have them."""
    if encoding not in ("latin1", "latin-1"):
        raise Refused(f"a text in the encoding {encoding[:20]}")
    return text.encode("latin1")


def _plain(value: Any, count: list[int], depth: int = 0) -> Any:
    """Return a value as JSON has it; keys become texts. Raises `Refused` for anything that JSON has not."""
    count[0] += 1
    if count[0] > MOST_VALUES or depth > 30:
        raise Refused("more values than a plan has")
    if hasattr(value, "tolist") and hasattr(value, "dtype"):  # numpy's arrays and scalars
        if value.dtype.kind not in "biufUO" or value.size > MOST_VALUES:
            raise Refused(f"an array of {value.dtype}")
        value = value.tolist()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(inner, count, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, count, depth + 1) for inner in value]
    raise Refused(f"a value of type {type(value).__name__}")


if __name__ == "__main__":
    sys.exit(main())
