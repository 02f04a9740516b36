"""The networks of the second look, from cohorts with truth to their file of weights; resumes where it was stopped.

DIR/network/patches/        patches of the cohorts' candidates, as `patches` collects them
DIR/network/run-SEED/       the run of the training of one
DIR/candidates.safetensors  the weights of all
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
    """The network, one or the mean of several, and what it was trained on."""

    description: CandidateNetworkDescription
    """Its block of `model.json`."""
    trained_on: dict[str, Any]
    """Cases, patches by source and kind, epochs and seeds, as `model.json` tells them."""


def train_network(
    model: str,
    cohorts: Sequence[Path],
    output: Path,
    settings: CollectionSettings,
    *,
    epochs: int,
    seeds: Sequence[int],
    layout: str,
    device: str,
    processes: int | None,
    progress: Progress,
    console: Console,
) -> TrainedNetwork:
    """Collect patches of cohorts and train a network on them from each seed.

    model: whose candidates they are, by id or path. seeds: of first weights and samples; of several, the logits are
    averaged. Raises `InputError`, `OutputError`, `Cancelled`.
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
    workers = 1 if (processes or usable_cores()) > 1 else 0
    runs: list[Path] = []
    counts: dict[str, int] = {}
    for seed in seeds:
        task = CandidateNetworkTask(files, asdict(settings), epochs=epochs, seed=seed)
        if not runs:
            counts = task.sampler.counts
            told = ", ".join(f"{number} {kind}" for kind, number in counts.items())
            console.say(f"the network trains on {len(files)} cases: {told}")
        runs.append(folder / f"run-{seed}")
        if not Trainer(runs[-1], task, workers=workers, say=console.print).run():
            raise Cancelled
    return TrainedNetwork(
        description=write_network(runs, output),
        trained_on={"cases": len(files), "patches": counts, "epochs": epochs, "seeds": list(seeds)},
    )
