"""A small abdomen and small cases that every test of training can use."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from Testing.bench import warm_python as warm
from Testing.patience import PATIENCE_S
from Testing.Training.prepared import write_case
from training.data.case import PreparedCase
from training.data.synthesis.atlases import Atlas, Tissue

WARM = ("training.cli", "training.data.preparation", "training.loop.task", "training.loop.trainer")


@pytest.fixture(scope="session")
def small_atlas() -> Atlas:
    """A body of 120 x 160 x 200 mm with a ball of liver of 36 mm radius on its right, on a 4 mm grid."""
    shape, spacing = (30, 40, 50), 4.0
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    body = (((y - 20) / 15) ** 2 + ((x - 25) / 20) ** 2 < 1) & (z >= 0)
    tissues = np.where(body, Tissue.FAT, Tissue.AIR).astype(np.uint8)
    liver = (z - 15) ** 2 + (y - 20) ** 2 + (x - 17) ** 2 < 9**2
    tissues[liver] = Tissue.LIVER
    spleen = (z - 15) ** 2 + (y - 22) ** 2 + (x - 36) ** 2 < 4**2
    tissues[spleen] = Tissue.SPLEEN
    outside = np.where(body, 0, 50).astype(np.uint8)
    return Atlas(name="small", tissues=tissues, outside_mm=outside, spacing_mm=spacing)


@pytest.fixture(scope="session")
def tumor_case(tmp_path_factory: pytest.TempPathFactory) -> PreparedCase:
    """A liver of 60 HU with a tumor of 150 HU (portal) and 10 HU (arterial) in it; fat around."""
    z, y, x = np.ogrid[:8, :80, :80]
    liver = ((y - 40) ** 2 + (x - 40) ** 2 < 34**2) & (z >= 0)
    tumor = (z - 4) ** 2 * 9 + (y - 30) ** 2 + (x - 50) ** 2 < 12**2
    near = ((y - 40) ** 2 + (x - 40) ** 2 < 38**2) & (z >= 0)  # the coarse liver, dilated by 5 mm
    labels = np.where(tumor, 2, np.where(liver, 1, 0)).astype(np.uint8)
    return write_case(
        tmp_path_factory.mktemp("prepared") / "tumor-case",
        np.choose(labels, (-100, 60, 150)),
        labels,
        arterial=np.choose(labels, (-100, 60, 10)),
        inside=near,
        spacing_mm=(5.0, 1.25, 1.25),
    )


@pytest.fixture(scope="session")
def warm_python() -> Iterator[Path]:
    """A `python` for `-m training …` that has torch and the training imported: a start takes no seconds."""
    root = Path(__file__).resolve().parents[2]
    one = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"), "1"
    )
    with tempfile.TemporaryDirectory() as folder:
        address, script = Path(folder, "socket"), Path(folder, "python")
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{warm.__file__}" "{address}" "$@"\n')
        script.chmod(0o755)
        serve = [sys.executable, "-m", "Testing.bench.warm_python", str(address), *WARM]
        server = subprocess.Popen(serve, cwd=root, env={**os.environ, **one, "PYTHONPATH": str(root)})
        end = time.monotonic() + PATIENCE_S
        while not address.exists() and server.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        yield script
        server.kill()
        server.wait()
