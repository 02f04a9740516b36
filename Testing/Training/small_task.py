"""A task that takes milliseconds a step: noise is smoothed, and the network shall tell where it is bright.

python -m Testing.Training.small_task FOLDER STEPS     trains it, one line a step, until it is done or stopped
"""

from __future__ import annotations

import gc
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from LiverTumorAttentionLib.progress import Progress
from training.loop.distributed import Processes, joined_processes
from training.loop.trainer import Trainer
from training.recipes.settings import LoopSettings, OptimizerSettings, ScheduleSettings


class Blobs:
    """Sample `number` is a (1, 12, 12) image drawn from (seed, number), its truth what is bright in it."""

    def __init__(self, seed: int, samples_an_epoch: int) -> None:
        self.seed, self.samples_an_epoch = seed, samples_an_epoch

    def __call__(self, number: int) -> SimpleNamespace:
        rng = np.random.default_rng((self.seed, number))
        image = ndimage.gaussian_filter(rng.standard_normal((12, 12)), 2) * 5
        truth = (image > 0.3).astype(np.uint8)
        return SimpleNamespace(
            inputs=(image[None].astype(np.float32),), truth=truth, case=f"blob-{number % 3}"
        )


@dataclass(kw_only=True)
class SmallTask:
    """Four samples a step, three steps an epoch; dropout, so that what is drawn in a step matters."""

    seed: int = 5
    optimizer: OptimizerSettings = field(
        default_factory=lambda: OptimizerSettings(learning_rate=0.01, clip_norm=2.0)
    )
    schedule: ScheduleSettings = field(
        default_factory=lambda: ScheduleSettings(epochs=4, kind="cosine", warm_up_steps=2)
    )
    loop: LoopSettings = field(
        default_factory=lambda: LoopSettings(batch=4, average_decay=0.9, validate_every=2)
    )
    dropout: float = 0.2
    samples_an_epoch: int = 12
    scored: bool = True
    bad_number: int | None = None
    """Sample whose input is not a number."""
    validations: list[float] = field(default_factory=list)

    @property
    def sampler(self) -> Any:
        blobs = Blobs(self.seed, self.samples_an_epoch)
        if self.bad_number is None:
            return blobs

        def spoilt(number: int) -> SimpleNamespace:
            sample = blobs(number)
            if number == self.bad_number:
                sample.inputs[0][0, 3, 3] = np.nan
            return sample

        spoilt.samples_an_epoch = self.samples_an_epoch  # type: ignore[attr-defined]
        return spoilt

    def build(self) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            return nn.Sequential(
                nn.Conv2d(1, 6, 3, padding=1),
                nn.LeakyReLU(),
                nn.Dropout2d(self.dropout),
                nn.Conv2d(6, 2, 3, padding=1),
            )

    def loss(self, outputs: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(outputs.float(), truth.long())

    def validate(self, network: nn.Module, progress: Progress) -> dict[str, float]:
        progress.check()
        if not self.scored:
            return {}
        samples = [Blobs(self.seed, 1)(number) for number in range(10_000, 10_004)]
        images = torch.from_numpy(np.stack([sample.inputs[0] for sample in samples]))
        with torch.inference_mode():
            found = network.eval()(images).argmax(dim=1).numpy().astype(bool)
        truth = np.stack([sample.truth for sample in samples]) > 0
        self.validations.append(float(2 * (found & truth).sum() / (found.sum() + truth.sum())))
        return {"dice": self.validations[-1]}

    def settings(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "optimizer": vars(self.optimizer),
            "epochs": self.schedule.epochs,
            "cases": {"training": ["blob-0", "blob-1", "blob-2"]},
        }


class Slow(SmallTask):
    """Waits a little before every step, so that a signal comes in the middle."""

    def loss(self, outputs: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        time.sleep(0.05)
        return super().loss(outputs, truth)


def main() -> int:
    """Train in a process of its own, or in one of several."""
    folder, kind = Path(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(1)
    task = Slow() if kind == "slow" else SmallTask(dropout=0.0)
    with joined_processes("cpu") as (processes, _):
        finished = train(folder, task, processes)
    if any(isinstance(each, DistributedDataParallel) for each in gc.get_objects()):
        print("a network still holds the connection to the other process", file=sys.stderr)
        return 1
    return 0 if finished else 130


def train(folder: Path, task: SmallTask, processes: Processes) -> bool:
    """Train as the command does; nothing of it is left when this returns."""
    trainer = Trainer(
        folder, task, processes=processes, log_every=1, say=lambda line: print(line, flush=True)
    )
    vars(trainer)["itself"] = trainer  # as a hook or a closure of a network may refer to what holds it
    return trainer.run()


if __name__ == "__main__":
    sys.exit(main())
