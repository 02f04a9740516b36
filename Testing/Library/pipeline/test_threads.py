"""The same files come out of the same files whatever the number of threads: networks, registration and a click."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.phantoms import Phantom

ROOT = Path(__file__).resolve().parents[3]
THREADS = (1, 2, 8)
VOLUMES = ("instances.nrrd", "probability.nrrd", "registered.nrrd", "corrected.nrrd")


def command(threads: int, *arguments: object) -> None:
    """Run the program with so many threads of torch, of ITK, and of numpy's linear algebra."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
    subprocess.run(
        [sys.executable, "-m", "LiverTumorAttentionLib", *map(str, arguments), "--progress", "none"],
        cwd=ROOT,
        env={**os.environ, **dict.fromkeys(names, str(threads)), "OMP_WAIT_POLICY": "passive"},
        capture_output=True,
        check=True,
    )


@pytest.fixture(scope="module")
def folders(case: tuple[Phantom, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The files of one case, segmented and corrected with each number of threads."""
    phantom, source = case
    found = {}
    for threads in THREADS:
        out = tmp_path_factory.mktemp(f"threads{threads}")
        portal, arterial = source / "portal.nii.gz", source / "arterial.nii.gz"
        command(
            threads,
            *("segment", "--portal", portal, "--arterial", arterial, "--device", "cpu"),
            *("--output", out / "instances.nrrd", "--table", out / "table.csv"),
            *("--save-probability", out / "probability.nrrd", "--save-registered", out / "registered.nrrd"),
            *("--save-transform", out / "transform.h5"),
        )
        labels = sitk.GetArrayViewFromImage(phantom.labels)
        z, y, x = (int(v) for v in np.argwhere(labels == 1)[np.count_nonzero(labels == 1) // 2])
        (out / "prompts.json").write_text(json.dumps({"units": "voxel", "add": [[x, y, z]]}))
        command(
            threads,
            *("refine", "--portal", portal, "--arterial", out / "registered.nrrd"),
            *("--segmentation", out / "instances.nrrd", "--probability", out / "probability.nrrd"),
            *("--prompts", out / "prompts.json", "--output", out / "corrected.nrrd"),
        )
        found[threads] = out
    return found


@pytest.mark.parametrize("threads", THREADS[1:])
def test_every_voxel_is_the_same(folders: dict[int, Path], threads: int) -> None:
    for name in VOLUMES:
        one, several = (
            sitk.GetArrayFromImage(sitk.ReadImage(str(folders[n] / name))) for n in (THREADS[0], threads)
        )
        assert one.any()
        np.testing.assert_array_equal(several, one, err_msg=name)
    assert (folders[threads] / "table.csv").read_bytes() == (folders[THREADS[0]] / "table.csv").read_bytes()


@pytest.mark.parametrize("threads", THREADS[1:])
def test_the_transform_is_the_same(folders: dict[int, Path], threads: int) -> None:
    points = np.random.default_rng(0).uniform(-100, 100, (50, 3))
    one, several = (
        [sitk.ReadTransform(str(folders[n] / "transform.h5")).TransformPoint(tuple(p)) for p in points]
        for n in (THREADS[0], threads)
    )
    assert several == one
