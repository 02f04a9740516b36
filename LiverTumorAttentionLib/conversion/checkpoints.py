"""Checkpoints and pickles that nobody vouches for, read by a child process with limits.

The child (`checkpoint_child.py`) knows tensors and plain values alone. What it writes are safetensors and JSON; should
a file crash it, hang it or ask for too much memory, nothing happens here but a sentence.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionLib.config_parsing import shown
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.memory import memory_limit_bytes
from LiverTumorAttentionLib.regular_file import MIB, reason

if TYPE_CHECKING:
    import torch

CHILD = Path(__file__).with_name("checkpoint_child.py")
CHILD_S = 900
"""A child that reads longer than this has hung."""
TIMES_OF_CHECKPOINT = 4
"""Address space for a checkpoint, in sizes of its file: mapped, its tensors, those that are kept, what is written."""
LARGEST_PICKLE_BYTES = 64 * MIB
TIMES_OF_PICKLE = 40
LARGEST_ANSWER_BYTES = 64 * MIB

Place = Sequence[str | int]
"""Keys and positions that lead to a value."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a checkpoint holds."""

    tensors: Mapping[str, torch.Tensor]
    """Its parameters by name, on the CPU."""
    facts: Mapping[str, Any]
    """The plain values that were asked for, as JSON has them; None for what is not there."""


def read_checkpoint(
    path: Path, what: str, *, tensors: Sequence[Place], facts: Mapping[str, Place], leave_out: str = ""
) -> Checkpoint:
    """Return the parameters and some plain values of a file that `torch.save` wrote.

    what: how messages call it. tensors: where the parameters may lie, `[()]` for a file that holds nothing else; the
    first that is there counts. facts: {name: where it lies}. leave_out: a pattern of names of parameters that are not
    read. Raises `ModelError` for a file that is damaged, holds anything but tensors and plain values, or no parameters.
    """
    import safetensors.torch

    with tempfile.TemporaryDirectory(prefix="liver-tumor-attention-") as folder:
        weights = Path(folder) / "weights.safetensors"
        size = path.stat().st_size
        told = _ask(
            {
                "kind": "checkpoint",
                "tensors": [list(place) for place in tensors],
                "leave_out": leave_out,
                "weights": str(weights),
                "memory_bytes": 2**30 + TIMES_OF_CHECKPOINT * size,
            },
            path,
            what,
            facts,
            Path(folder),
        )
        if told[""] != "read":
            why = "numbers that are not finite" if told[""] is not None else _no_weights(told, tensors)
            raise ModelError(f"{what} holds {why}: get the model again, or train it to its end")
        return Checkpoint(tensors=safetensors.torch.load(weights.read_bytes()), facts=told)


def _no_weights(told: Mapping[str, Any], tensors: Sequence[Place]) -> str:
    """Say that a checkpoint has no weights where they are looked for, and what it has instead."""
    wanted = " or ".join(".".join(map(str, place)) for place in tensors if place)
    looked = f" under {wanted}" if wanted else ""
    there = ", ".join(map(shown, told["entries"])) or "nothing"
    return f"no weights of a network{looked} (it has {there})"


def read_plain_pickle(path: Path, what: str, *, facts: Mapping[str, Place]) -> Mapping[str, Any]:
    """Return plain values of a pickle, by name; what is an array becomes a list, and keys become texts.

    Arguments and errors as `read_checkpoint`. Where () leads to, the whole content comes.
    """
    size = path.stat().st_size
    if size > LARGEST_PICKLE_BYTES:
        raise ModelError(f"{what} has {size / MIB:.0f} MiB, which no plan has: get the model again")
    with tempfile.TemporaryDirectory(prefix="liver-tumor-attention-") as folder:
        request = {"kind": "pickle", "memory_bytes": 2**28 + TIMES_OF_PICKLE * size}
        return _ask(request, path, what, facts, Path(folder))


def _ask(
    request: dict[str, Any], path: Path, what: str, facts: Mapping[str, Place], folder: Path
) -> dict[str, Any]:
    """Have the child read a file and return its facts. Raises `ModelError`."""
    answer = folder / "answer.json"
    available = memory_limit_bytes()
    if available is not None:
        request["memory_bytes"] = min(request["memory_bytes"], max(available, MIB))
    request |= {
        "path": str(path.absolute()),
        "answer": str(answer),
        "facts": {name: list(place) for name, place in facts.items()},
    }
    asked = folder / "request.json"
    asked.write_text(json.dumps(request), encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        subprocess.run(
            [sys.executable, str(CHILD), str(asked)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=CHILD_S,
            env=environment,
            check=False,
        )
        told: dict[str, Any] = json.loads(answer.read_bytes()[:LARGEST_ANSWER_BYTES])
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ModelError(f"{what} cannot be read ({_why(error)}): get the model again") from error
    if "refused" in told:
        raise ModelError(
            f"{what} holds {shown(told['refused'])}, which is neither a tensor nor a plain value: such a file could "
            "run a "
            "program when it is opened, so it was not: get the model from another source"
        )
    if "memory" in told:
        raise ModelError(
            f"{what} asks for more memory than is left or than its size explains: close other programs, or get the "
            "model "
            "again"
        )
    if "damaged" in told:
        raise ModelError(f"{what} is damaged or no such file ({told['damaged'][:200]}): get the model again")
    result: dict[str, Any] = told["facts"]
    return result


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return "it takes longer than any real one"
    return "its reader crashed" if isinstance(error, FileNotFoundError | ValueError) else reason(error)
