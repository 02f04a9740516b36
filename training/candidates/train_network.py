"""The network of the second look, from cohorts with truth to its file of weights; resumes where it was stopped.

DIR/network/patches/        patches of the cohorts' candidates, as `patches` collects them
DIR/network/run/            the run of its training
DIR/candidates.safetensors  its weights
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.commands.console import Console
from LiverTumorAttentionLib.errors import Cancelled
from LiverTumorAttentionLib.models.candidate_network import CandidateNetworkDescription
from LiverTumorAttentionLib.progress import Progress
from training.candidates.collect import CollectionSettings
from training.candidates.network_file import write_network
from training.candidates.network_task import CandidateNetworkTask
from training.candidates.patches import collect_patches
from training.loop.trainer import Trainer
from training.parallel import usable_cores


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """The network, and what it was trained on."""

    description: CandidateNetworkDescription
    """Its block of `model.json`."""
    trained_on: dict[str, Any]
    """Cases, patches by source and kind, epochs and seed, as `model.json` tells them."""


def train_network(
    model: str,
    cohorts: Sequence[Path],
    output: Path,
    settings: CollectionSettings,
    *,
    epochs: int,
    seed: int,
    layout: str,
    device: str,
    processes: int | None,
    progress: Progress,
    console: Console,
) -> TrainedNetwork:
    """Collect patches of cohorts and train the network on them.

    model: whose candidates they are, by id or path. Raises `InputError`, `OutputError`, `Cancelled`.
    """
    folder = output / "network"
    files, failed = collect_patches(
        model,
        cohorts,
        folder / "patches",
        settings,
        layout=layout,
        device=device,
        processes=processes,
        progress=progress.part(0.0, 0.6, "patches"),
    )
    for reason in failed:
        console.warn(f"left out: {reason}")
    task = CandidateNetworkTask(files, asdict(settings), epochs=epochs, seed=seed)
    counts = task.sampler.counts
    console.say(
        f"the network trains on {len(files)} cases: {', '.join(f'{n} {k}' for k, n in counts.items())}"
    )
    workers = 1 if (processes or usable_cores()) > 1 else 0
    if not Trainer(folder / "run", task, workers=workers, say=console.print).run():
        raise Cancelled
    return TrainedNetwork(
        description=write_network(folder / "run", output),
        trained_on={"cases": len(files), "patches": counts, "epochs": epochs, "seed": seed},
    )
