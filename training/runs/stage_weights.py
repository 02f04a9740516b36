"""The trained weights of one stage, of a run or of a model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.models import ModelDescription, StageDescription, find_model
from LiverTumorAttentionLib.networks import build_network
from training.runs.checkpoint import read_weights
from training.runs.run_folder import RUN_FILE, Run


@dataclass(frozen=True, kw_only=True)
class StageWeights:
    """A trained stage; the weights are read when they are asked for."""

    title: str
    """How messages call it."""
    description: StageDescription
    sha256: str
    """Of the file of weights, 64 hexadecimal digits."""
    read: Callable[[], Mapping[str, torch.Tensor]]
    """Reads the weights by parameter name, on the CPU."""
    run: Run | None = None
    """The run that they come from; None for those of a model."""
    model: ModelDescription | None = None
    """The model that they come from; None for those of a run."""

    @classmethod
    def find(cls, source: str, choose: Callable[[StageDescription], bool], what: str) -> StageWeights:
        """Return the stage of a run's folder, or of a model (id or path), that `choose` takes.

        what: how the wanted stage is called, for the message. Raises `InputError` where the source has no such stage,
        and what `Run` and `find_model` raise.
        """
        folder = Path(source)
        if (folder / RUN_FILE).is_file():
            return cls._of_run(Run.read(folder), choose, what)
        package = find_model(source)
        for stage in package.description.stages:
            if choose(stage):
                return cls(
                    title=f"the model {package.description.id!r}",
                    description=stage,
                    sha256=stage.sha256,
                    read=partial(package.load_weights, stage),
                    model=package.description,
                )
        raise InputError(f"the model {package.description.id!r} has no stage {what}: name another one")

    @classmethod
    def _of_run(cls, run: Run, choose: Callable[[StageDescription], bool], what: str) -> StageWeights:
        if not choose(run.recipe.stage):
            raise InputError(
                f"the run '{run.folder}' trains the {run.recipe.stage.name} stage, not one {what}: name another run"
            )
        return cls(
            title=f"the run '{run.folder}'",
            description=run.recipe.stage,
            sha256=hashlib.sha256(run.weights.read_bytes()).hexdigest(),
            read=lambda: read_weights(run.weights)[0],
            run=run,
        )

    def network(self) -> nn.Module:
        """Return the stage's network with these weights. Raises `InputError` where they do not fit it."""
        network = build_network(self.description.network, **self.description.arguments)
        self.load_into(network)
        return network

    def load_into(self, network: nn.Module) -> None:
        """Give a network these weights. Raises `InputError` where they do not fit it."""
        weights = self.read()
        try:
            network.load_state_dict(weights, strict=True)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"the weights of {self.title} do not fit the network {self.description.network!r} of this training: "
                f"name a run or a model of the same network and arguments ({reason[:200]})"
            ) from error
