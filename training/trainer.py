"""One loop for every stage: AdamW, warm-up and cosine, bfloat16, a running average of the weights.

A run is a folder:

    settings.json             recipe, seed, steps, cases, versions
    checkpoint.safetensors    weights, their average, the optimiser's state; the step in its metadata
    log.csv                   loss and time every so many steps
    scores.csv                Dice on the validation cases

Stopped by a signal, it finishes its step, saves and returns; started again, it goes on bit for bit (on the
same machine and number of threads) as if it had not been stopped.
"""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.networks import build_network
from training.demonstration.recipes import Recipe
from training.demonstration.samples import Case, Sampler
from training.demonstration.validation import validate
from training.losses import boundary_enhanced_loss, soft_dice_loss

CHECKPOINT = "checkpoint.safetensors"
OPTIMIZER_STATE = ("step", "exp_avg", "exp_avg_sq")


class Trainer:
    """Trains one stage in one folder.

    folder: of the run; a checkpoint in it is resumed. steps: length of the whole schedule.
    """

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        training: Sequence[Case],
        validation: Sequence[Case],
        *,
        seed: int,
        steps: int,
        bfloat16: bool = True,
    ) -> None:
        if not training:
            raise InputError(
                f"the cohort has no training case for the {recipe.stage} stage: prepare it first"
            )
        self.folder, self.recipe, self.steps = folder, recipe, steps
        self._bfloat16 = bfloat16
        self._sampler = Sampler(training, recipe, seed)
        self._validation = list(validation)
        generator = torch.Generator().manual_seed(seed)
        self.network = build_network(recipe.network, generator=generator, **recipe.arguments)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, foreach=True
        )
        self.step = 0
        self._stop = False
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / CHECKPOINT).exists():
            self._resume()
        self._write_settings(seed, training, validation)

    def run(
        self,
        *,
        stop_at: int | None = None,
        log_every: int = 50,
        save_every: int = 250,
        validate_every: int = 1000,
        say: Callable[[str], None] = print,
    ) -> None:
        """Train up to `stop_at` (the end of the schedule by default), or until a signal asks to stop."""
        last = min(self.steps, stop_at or self.steps)
        previous = {s: signal.signal(s, self._ask_to_stop) for s in (signal.SIGTERM, signal.SIGINT)}
        losses: list[float] = []
        started = time.monotonic()
        try:
            while self.step < last and not self._stop:
                losses.append(self._one_step())
                if self.step % log_every == 0 or self.step == last:
                    row = {"step": self.step, "loss": float(np.mean(losses)), "lr": self.rate(self.step - 1)}
                    seconds = (time.monotonic() - started) / len(losses)
                    self._append("log.csv", {**row, "seconds_a_step": seconds})
                    say(f"step {self.step}/{self.steps} loss {row['loss']:.4f} {seconds:.2f} s/step")
                    losses, started = [], time.monotonic()
                if self.step % validate_every == 0 or self.step == last:
                    scores = validate(self.average_network(), self._validation, self.recipe)
                    self._append("scores.csv", {"step": self.step, **scores})
                    say(f"step {self.step} " + " ".join(f"{k} {v:.3f}" for k, v in scores.items()))
                    started = time.monotonic()
                if self.step % save_every == 0:
                    self.save()
            self.save()
        finally:
            for which, handler in previous.items():
                signal.signal(which, handler)

    def rate(self, step: int) -> float:
        """Return the learning rate of a step: linear warm-up, then half a cosine down to zero."""
        recipe = self.recipe
        if step < recipe.warm_up_steps:
            return recipe.learning_rate * (step + 1) / recipe.warm_up_steps
        done = (step - recipe.warm_up_steps) / max(1, self.steps - recipe.warm_up_steps)
        return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def _one_step(self) -> float:
        recipe = self.recipe
        first = self.step * recipe.batch
        samples = [self._sampler(first + i) for i in range(recipe.batch)]
        inputs = [
            torch.from_numpy(np.stack(phase)).contiguous(memory_format=torch.channels_last)
            for phase in zip(*(sample[0] for sample in samples), strict=True)
        ]
        truth = torch.from_numpy(np.stack([sample[1] for sample in samples]))
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(self.step)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            logits = self.network(*inputs)
        loss = boundary_enhanced_loss(logits, truth)
        if recipe.dice_weight:
            loss = loss + recipe.dice_weight * soft_dice_loss(logits, truth)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimizer.step()
        self.step += 1
        self._update_average()
        return float(loss.detach())

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the average towards the weights; quickly at first, so that the start is soon forgotten."""
        decay = min(self.recipe.average_decay, (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    def average_network(self) -> torch.nn.Module:
        """Return a network with the averaged weights, ready for inference."""
        network = build_network(self.recipe.network, **self.recipe.arguments)
        network.load_state_dict(self.average)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network.eval()

    def save(self) -> None:
        """Write the checkpoint under a temporary name, then move it into place."""
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.items()}
        names = {id(p): n for n, p in self.network.named_parameters()}
        for parameter, state in self.optimizer.state.items():
            for key in OPTIMIZER_STATE:
                tensors[f"optimizer.{key}.{names[id(parameter)]}"] = state[key]
        temporary = self.folder / (CHECKPOINT + ".part")
        tensors = {k: v.detach().contiguous() for k, v in tensors.items()}
        save_file(tensors, temporary, metadata={"step": str(self.step), "steps": str(self.steps)})
        os.replace(temporary, self.folder / CHECKPOINT)

    def _resume(self) -> None:
        with safe_open(self.folder / CHECKPOINT, framework="pt") as checkpoint:
            self.step = int(checkpoint.metadata()["step"])
            tensors = {name: checkpoint.get_tensor(name) for name in checkpoint.keys()}  # noqa: SIM118
        part = {
            kind: {k[len(kind) + 1 :]: v for k, v in tensors.items() if k.startswith(kind + ".")}
            for kind in ("network", "average", "optimizer")
        }
        self.network.load_state_dict(part["network"])
        self.average = {k: v.clone() for k, v in part["average"].items()}
        for name, parameter in self.network.named_parameters():
            if f"step.{name}" in part["optimizer"]:
                self.optimizer.state[parameter] = {
                    key: torch.empty_like(parameter).copy_(part["optimizer"][f"{key}.{name}"])
                    if key != "step"
                    else part["optimizer"][f"{key}.{name}"].clone()
                    for key in OPTIMIZER_STATE
                }

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop = True

    def _append(self, name: str, row: dict[str, Any]) -> None:
        path = self.folder / name
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)

    def _write_settings(self, seed: int, training: Sequence[Case], validation: Sequence[Case]) -> None:
        """Record what this run is, and, each time it is started, from which step on which cases it sees."""
        path = self.folder / "settings.json"
        starts = json.loads(path.read_text())["starts"] if path.exists() else []
        starts.append(
            {
                "step": self.step,
                "steps": self.steps,
                "dice_weight": self.recipe.dice_weight,
                "training": [case.name for case in training],
            }
        )
        settings = {
            "recipe": self.recipe.to_dict(),
            "seed": seed,
            "steps": self.steps,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "validation": [case.name for case in validation],
            "starts": starts,
        }
        path.write_text(json.dumps(settings, indent=1) + "\n")
