"""The methods compared, and how one of them is run on one pair: in a process and a folder of its own.

A child gets the pair's folder, a folder for its results and its options, and leaves found.npy, the displacement
(z, y, x, 3; mm) in the box of the liver, and measured.json, what it took. What is counted starts when the volumes
are read and the libraries loaded, and ends with the transform and, where a library makes it in the same call, the
registered volume.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from Testing.benchmarks.registration.pair_store import HERE, ROOT, fingerprint
from Testing.benchmarks.registration.scores import score

Row = dict[str, Any]
PACKAGE = "Testing.benchmarks.registration"


@dataclass(frozen=True, kw_only=True)
class Method:
    """A child module of this package and what it is told.

    title: for the tables. child: the module's name. options: given to its main. sources: files other than the
    child that its results depend on; a result of other code is measured anew.
    """

    title: str
    child: str
    options: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """A hash that changes with everything that the results depend on."""
        code = fingerprint((f"{HERE}/{self.child}.py", f"{HERE}/scores.py", *self.sources))
        return f"{code} {json.dumps(dict(self.options), sort_keys=True)}"


LIBRARY = ("LiverTumorAttentionLib/registration/*.py",)
TUNED = "elastix-tuned"
METHODS = {
    "ours": Method(
        title="ours, livers given", child="child_ours", options={"masks": "given"}, sources=LIBRARY
    ),
    "ours-no-masks": Method(
        title="ours, livers found by the network",
        child="child_ours",
        options={"masks": "network"},
        sources=LIBRARY,
    ),
    "elastix-default": Method(
        title="elastix, its default B-spline", child="child_elastix", options={"preset": "default"}
    ),
    TUNED: Method(
        title="elastix, tuned, near the liver",
        child="child_elastix",
        options={
            "preset": "mask",
            "Registration": "MultiResolutionRegistration",
            "Metric": "AdvancedMattesMutualInformation",
            "NumberOfResolutions": "4",
            "FinalGridSpacingInPhysicalUnits": "24 24 24",
            "GridSpacingSchedule": "4 3 2 1",
            "MaximumNumberOfIterations": "200",
            "NumberOfSpatialSamples": "4000",
            "Interpolator": "LinearInterpolator",
            "FinalBSplineInterpolationOrder": "1",
        },
    ),
    "simpleitk": Method(
        title="SimpleITK B-spline, near the liver",
        child="child_simpleitk",
        options={
            "coarse_mesh_mm": "100",
            "mesh_factors": "1 2",
            "shrink": "2 1",
            "smoothing_mm": "2 0",
            "sampling": "0.05 0.02",
            "iterations": "20",
        },
    ),
}


def run(pair: Path, method: Method, *, cores: int, minutes: float) -> Row:
    """Return what a method takes on a pair and how good its result is; or why there is none, as "failed"."""
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
        environment[name] = str(cores)
    # elastix writes into the folder that it runs in
    with tempfile.TemporaryDirectory() as here:
        arguments = [str(pair.resolve()), here, json.dumps(dict(method.options))]
        failed = run_child([*command_of(method), *arguments], here, environment, minutes * 60)
        if failed:
            return {"failed": failed}
        try:
            measured = json.loads(Path(here, "measured.json").read_text(encoding="utf-8"))
            found = np.load(Path(here, "found.npy"))
        except (OSError, ValueError) as error:
            return {"failed": f"left no result that can be read ({type(error).__name__})"}
    if not np.isfinite(found).all():
        return {"failed": "the displacement is not finite"}
    return {**measured, **score(pair, found)}


def command_of(method: Method) -> list[str]:
    """Return the command that runs a method's child."""
    return [sys.executable, "-m", f"{PACKAGE}.{method.child}"]


def run_child(command: list[str], here: str, environment: dict[str, str], seconds: float) -> str | None:
    """Run a command in a folder; return why it failed, or None. What it started ends with it."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        child = subprocess.Popen(
            command, cwd=here, env=environment, stdout=said, stderr=said, start_new_session=True
        )
        try:
            code = child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return f"not done in {seconds / 60:.0f} minutes"
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        said.seek(0)
        lines = said.read().strip().splitlines()
    if code < 0:
        return f"ended by signal {-code}, as in a crash or when memory runs out"
    if code:
        return (lines[-1] if lines else f"ended with {code}").replace(here, "its folder")[:300]
    return None
