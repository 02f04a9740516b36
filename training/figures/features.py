"""Features before and after the attention blocks of a trained network, as Figure 1 of Correlation Matters shows them.

Shown is the mean size of the features over the channels, each map from its own lowest to its own highest value, beside
the image and its truth: of a volume the slice with most of the truth.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference import choose_device
from LiverTumorAttentionLib.networks.context import ContextBlock
from LiverTumorAttentionLib.networks.dpcnet import SemCor, SpaCor
from LiverTumorAttentionLib.networks.phase_attention import ConcatenationFusion, IntraPhaseBlock
from LiverTumorAttentionLib.networks.sfan import SAT
from training.data.preparation.manifest import Manifest
from training.evaluation.segment import run_stage
from training.figures.canvas import figure
from training.loop.task import RecipeTask
from training.runs.run_folder import Run
from training.sampling import Sample

BLOCKS = (ContextBlock, SpaCor, SemCor, ConcatenationFusion, IntraPhaseBlock, SAT)
"""Modules whose first input and whose output are shown; DARN's SpaRef and SemRef are among them."""
TRIED = 16
"""Samples of the test cases, of which the one with most of the truth's highest class is shown."""


def draw_features(path: Path, folder: Path) -> None:
    """Draw the features of a run's network on one of its test cases.

    Raises `InputError` for a run without test cases, or whose network has no such blocks.
    """
    run = Run.read(folder)
    network = run_stage(folder, "cpu").network.float().eval()
    if not any(isinstance(module, BLOCKS) for module in network.modules()):
        raise InputError(
            f"the network of the run '{folder}' has no attention blocks to show features of: "
            "choose a run of a network that has some"
        )
    sample = _sample(run)
    maps = block_features(network, [torch.as_tensor(phase)[None] for phase in sample.inputs])
    truth = np.asarray(sample.truth)
    if truth.ndim > 2 and sample.inputs[0].ndim == 3:  # the BE-loss has the neighboring slices too
        truth = truth[truth.shape[0] // 2]
    place = int((truth == truth.max()).sum(axis=(1, 2)).argmax()) if truth.ndim == 3 else None
    image = np.asarray(sample.inputs[0])
    image = image[image.shape[0] // 2] if place is None else image[0, place]
    titles = ["image", *(f"{name}, {what}" for name, _, _ in maps for what in ("before", "after"))]
    titles.insert(1, "truth")
    with figure(path, titles, columns=4) as axes:
        axes[0].imshow(image, cmap="gray")
        axes[1].imshow(truth if place is None else truth[place], cmap="viridis", interpolation="nearest")
        depth = None if place is None else (place + 0.5) / truth.shape[0]
        shown = [values for _, before, after in maps for values in (before, after)]
        for each, values in zip(axes[2:], shown, strict=True):
            each.imshow(values if depth is None else values[int(depth * values.shape[0])], cmap="magma")
        for each in axes:
            each.set_xticks([])
            each.set_yticks([])


def block_features(
    network: nn.Module, inputs: list[torch.Tensor]
) -> list[tuple[str, NDArray[np.float32], NDArray[np.float32]]]:
    """Return (name, before, after) of each block in the order of the network: mean |feature| over the channels."""
    found: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}

    def see(name: str, before: torch.Tensor, after: torch.Tensor) -> None:
        first, second = (x.detach().float().abs().mean(dim=1)[0].numpy() for x in (before, after))
        found[name] = (first, second)

    hooks = [
        module.register_forward_hook(lambda _, given, out, name=name: see(name, given[0], out))
        for name, module in network.named_modules()
        if isinstance(module, BLOCKS)
    ]
    try:
        with torch.no_grad():
            network(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return [(name, *pair) for name, pair in found.items()]


def _sample(run: Run) -> Sample:
    """Return the sample of the test cases with most of the highest class. Raises `InputError`."""
    if not run.test:
        raise InputError(
            f"the run '{run.folder}' keeps no case for testing, so there is nothing to show: "
            "choose a run with test cases"
        )
    cases = [case for case in Manifest.read(run.prepared).cases() if case.name in run.test]
    if not cases:
        raise InputError(f"no test case of the run lies in '{run.prepared}': prepare them")
    plain = replace(run.recipe.sampling, foreground_share=1.0, mix_by=None, mix={}, hard_share=0.0)
    recipe = replace(run.recipe, sampling=plain)
    task = RecipeTask(recipe, cases, [], seed=0, device=choose_device("cpu"))
    samples = [task.sampler(number) for number in range(TRIED)]
    highest = max(int(sample.truth.max()) for sample in samples)
    return max(samples, key=lambda sample: int((np.asarray(sample.truth) == highest).sum()))
