"""Weights and checkpoints: safetensors files, written atomically."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import replacing

CHECKPOINT = "checkpoint.safetensors"
BEST = "best.safetensors"

Groups = Mapping[str, Mapping[str, torch.Tensor]]
"""Tensors by group ("network", "average", "optimizer") and name."""


def write_weights(path: Path, tensors: Mapping[str, torch.Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and what is known of them (JSON values), under a temporary name first.

    When this returns, the file is on the disk, not only on its way there. Raises `OutputError` for a full disk or a
    folder that cannot be written; then what stood at `path` still stands there.
    """
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    content = safetensors.torch.save(plain, {"about": json.dumps(about)})
    with replacing(path, name="training state") as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def read_weights(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the tensors of a file, on the CPU, and what is known of them. Raises `InputError`."""
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["about"])
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise InputError(
            f"{path} cannot be read ({error}): restore it from a copy, or remove it to start anew"
        ) from error


def write_checkpoint(path: Path, groups: Groups, state: Mapping[str, Any]) -> None:
    """Write all that a training needs to resume; as `write_weights`."""
    named = {f"{group}.{name}": value for group, tensors in groups.items() for name, value in tensors.items()}
    write_weights(path, named, state)


def read_checkpoint(path: Path) -> tuple[dict[str, dict[str, torch.Tensor]], dict[str, Any]]:
    """Return the groups and the state that `write_checkpoint` wrote. Raises `InputError`."""
    tensors, state = read_weights(path)
    groups: dict[str, dict[str, torch.Tensor]] = {}
    for full, value in tensors.items():
        group, _, name = full.partition(".")
        groups.setdefault(group, {})[name] = value
    return groups, state


def remove_leftovers(folder: Path) -> None:
    """Remove what a process that was killed while it wrote has left in a run's folder."""
    for path in folder.glob(".*.part*"):
        with contextlib.suppress(OSError):
            path.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a rename outlast a power cut, where folders can be synchronized (not on Windows)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
