"""The engine that a cohort's job or a server's settings name, and the graphics cards of this computer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from LiverTumorAttentionLib.cohort.engine import Engine
from LiverTumorAttentionLib.cohort.engine_settings import EngineSettings
from LiverTumorAttentionLib.cohort.local_engine import LocalEngine
from LiverTumorAttentionLib.config_parsing import whole_number
from LiverTumorAttentionLib.errors import DeviceError

_COUNT = "import torch; print(torch.cuda.device_count())"
_COUNT_S = 120


def make_engine(job: EngineSettings, *, one_by_one: bool = False) -> Engine:
    """Return the engine. one_by_one: for cases of several users; see `RayEngine`.

    Raises `DeviceError` for graphics cards that are not there, `InputError` without Ray.
    """
    if job.engine == "ray":
        from LiverTumorAttentionLib.cohort.ray_engine import RayEngine

        return RayEngine(job.address, job.workers, job.gpus, job.memory_gib, one_by_one=one_by_one)
    return LocalEngine(job.workers, local_devices(job.gpus), job.memory_gib)


def local_devices(gpus: str) -> list[str]:
    """Return the devices for cases on this computer: "cpu" alone, or cards such as "cuda:0"."""
    if gpus == "none":
        return ["cpu"]
    there = count_cards()
    if gpus in ("auto", "all"):
        if not there and gpus == "all":
            raise DeviceError("this computer has no graphics card that torch can use: give --gpus none")
        return [f"cuda:{number}" for number in range(there)] or ["cpu"]
    numbers = [int(text) for text in gpus.split(",")]
    if max(numbers) >= there:
        raise DeviceError(
            f"there is no graphics card {max(numbers)}, torch sees {there} of them: give numbers from 0 on, or "
            "--gpus none"
        )
    return [f"cuda:{number}" for number in dict.fromkeys(numbers)]


def count_cards() -> int:
    """Return how many graphics cards torch can use; torch is asked in a child, and only where there may be one."""
    if shutil.which("nvidia-smi") is None and not os.path.exists("/dev/nvidiactl"):
        return 0
    try:
        said = subprocess.run(
            [sys.executable, "-c", _COUNT], capture_output=True, text=True, timeout=_COUNT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    return whole_number(said.stdout.strip()) or 0
