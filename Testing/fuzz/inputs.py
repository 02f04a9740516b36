"""Input N of a seed: always the same."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from Testing.fuzz import blind
from Testing.fuzz.samples import Samples
from Testing.fuzz.targets import TARGETS

_ORDER = tuple(name for name, target in TARGETS.items() for _ in range(target.share))
STRUCTURED_SHARE = 0.75


@dataclass(frozen=True, kw_only=True)
class FuzzInput:
    """Files of a damaged input. main: the file that is named, "" for the folder. told: what was done to it."""

    target: str
    files: dict[str, bytes]
    main: str
    told: str

    def write(self, folder: Path) -> None:
        """Write the files below an empty folder."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def target_of(seed: int, number: int) -> str:
    """Return the name of the target that input `number` of a seed is for."""
    return _ORDER[int(_generator(seed, number).integers(len(_ORDER)))]


def make_input(samples: Samples, seed: int, number: int) -> FuzzInput:
    """Return input `number` of a seed."""
    rng = _generator(seed, number)
    target = _ORDER[int(rng.integers(len(_ORDER)))]
    sample = samples[target][int(rng.integers(len(samples[target])))]
    files, told = dict(sample.files), []
    for _ in range(1 if rng.random() < 0.8 else 2):
        name = list(files)[int(rng.integers(len(files)))]
        known = sample.damage_of(name)
        try:
            damage = known if known is not None and rng.random() < STRUCTURED_SHARE else blind.damage
            files[name], what = damage(files[name], rng)
        except (
            Exception
        ) as error:  # what is damaged already may be no sense to a damage that knows the format
            files[name], what = blind.damage(files[name], rng)
            what = f"{what} (after {type(error).__name__})"
        told.append(f"{name}: {what}")
    return FuzzInput(target=target, files=files, main=sample.main, told=" | ".join(told))


def _generator(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(b"fuzz"), seed, number])
