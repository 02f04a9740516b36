"""Makes pairs by their names and keeps them: phantom-400, large-400, labels-amos-wall-8.

    python -m Testing.benchmarks.registration.pair_store NAME FOLDER

Each is made in a process of its own, so that what it leaves in memory does not slow the methods down.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from Testing.benchmarks.registration.pairs import Pair, write_pair

ROOT = Path(__file__).resolve().parents[3]
HERE = "Testing/benchmarks/registration"
PHANTOMS = [f"phantom-{seed}" for seed in range(100, 120)]
LARGE = "large-100"
PATTERN = re.compile(r"(phantom|large)-\d+|labels-(amos|spl)-(smooth|wall|liver)-\d+")
SOURCES = {
    "phantoms": ("LiverTumorAttentionLib/phantoms/*.py", f"{HERE}/phantom_pairs.py", f"{HERE}/branching.py"),
    "labels": (
        "training/data/synthesis/atlases.py",
        *(f"{HERE}/{name}.py" for name in ("label_pairs", "deformations", "painter", "vessel_trees")),
    ),
}
"""What the voxels of a generator's pairs depend on."""


def generator_of(name: str) -> str:
    """Return "phantoms", "labels" or "large"."""
    return {"labels": "labels", "large": "large"}.get(name.split("-")[0], "phantoms")


def check_name(name: str) -> str:
    """Return the name. Raises ValueError where no pair can be made of it."""
    if not PATTERN.fullmatch(name):
        raise ValueError(f"{name!r} is no pair: expected phantom-SEED, large-SEED or labels-amos-wall-NUMBER")
    return name


def make(name: str) -> Pair:
    """Return the pair of a name."""
    if generator_of(name) == "labels":
        from Testing.benchmarks.registration.label_pairs import label_pair

        return label_pair(name)
    from Testing.benchmarks.registration.phantom_pairs import phantom_pair

    seed = int(name.split("-")[1])
    if generator_of(name) == "large":
        return phantom_pair(seed, matrix=512, spacing_mm=0.75, thickness_mm=1.5, slices=200)
    return phantom_pair(seed)


def stored(name: str, scratch: Path) -> Path:
    """Return the folder of a pair, made first where it is not there yet or was made by other code."""
    kind = "labels" if generator_of(name) == "labels" else "phantoms"
    folder = scratch / "pairs" / f"{name}-{fingerprint((*SOURCES[kind], f'{HERE}/pairs.py'))}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "Testing.benchmarks.registration.pair_store", name, str(folder)]
        subprocess.run(command, cwd=ROOT, check=True)
    return folder


def fingerprint(patterns: Iterable[str]) -> str:
    """Return a short hash of files of this repository, given by their patterns."""
    code = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            code.update(path.name.encode() + path.read_bytes())
    return code.hexdigest()[:10]


if __name__ == "__main__":
    write_pair(make(check_name(sys.argv[1])), Path(sys.argv[2]))
