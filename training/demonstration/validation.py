"""How good a network is on whole held-out cases, quickly: it watches a run, it does not publish figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional

from LiverTumorAttentionLib.preprocessing import stack_neighbours, window_hu
from LiverTumorAttentionLib.progress import Progress
from training.demonstration.recipes import Recipe
from training.demonstration.samples import Case

STRIDE = 32


def validate(
    network: torch.nn.Module, cases: Sequence[Case], recipe: Recipe, progress: Progress
) -> dict[str, float]:
    """Return mean Dice by source of the cases ("phantom" or the atlas), and for tumours the false lesions.

    dice_<source>: mean over the cases that show the structure. recall: share of true tumours of which a
    tenth is found; false_lesions: components a case that touch no true tumour (both for the tumour stage,
    phantoms alone). Raises `Cancelled`.
    """
    dice: dict[str, list[float]] = {}
    found, true, false, phantoms = 0, 0, 0, 0
    for number, case in enumerate(cases):
        progress.update(number / len(cases), case.name)
        source = case.name.split("-", 1)[1].rsplit("-", 1)[0]
        phases = {"portal": case.portal, "arterial": case.arterial}
        if recipe.stage == "liver":
            for phase in phases.values():
                truth = case.labels > 0
                predicted = predict(network, [phase], None, recipe) > 0.5
                dice.setdefault(source, []).append(_dice(predicted, truth))
            continue
        inside = case.distance < 2 * recipe.mask_dilation_mm
        truth = case.labels == 2
        predicted = predict(network, [phases[p] for p in recipe.phases], inside, recipe) > 0.5
        if truth.any():
            dice.setdefault(source, []).append(_dice(predicted, truth))
        if source == "phantom":
            hit, all_true, wrong = _lesions(predicted, truth)
            found, true, false, phantoms = found + hit, true + all_true, false + wrong, phantoms + 1
    scores = {f"dice_{source}": float(np.mean(values)) for source, values in sorted(dice.items())}
    if phantoms:
        scores |= {"recall": found / max(true, 1), "false_lesions": false / phantoms}
    return scores


def predict(
    network: torch.nn.Module,
    phases: Sequence[NDArray[np.int16]],
    inside: NDArray[np.bool_] | None,
    recipe: Recipe,
    batch: int = 8,
    bfloat16: bool = True,
) -> NDArray[np.float32]:
    """Return the probability of class 1 over a whole case, each slice as one tile, (z, y, x)."""
    inputs = []
    for phase in phases:
        scaled = window_hu(phase, recipe.window_hu)
        inputs.append(scaled if inside is None else scaled * inside)
    depth, height, width = phases[0].shape
    pad = (0, -width % STRIDE, 0, -height % STRIDE)
    probability = np.empty((depth, height, width), np.float32)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        for first in range(0, depth, batch):
            rows = range(first, min(depth, first + batch))
            tensors = [
                functional.pad(torch.from_numpy(np.stack([stack_neighbours(v, z) for z in rows])), pad)
                for v in inputs
            ]
            logits = network(*(t.contiguous(memory_format=torch.channels_last) for t in tensors))
            share = torch.softmax(logits.float(), dim=1)[:, 1, :height, :width]
            probability[first : first + len(rows)] = share.numpy()
    return probability


def _dice(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    total = int(predicted.sum()) + int(truth.sum())
    return 2 * int((predicted & truth).sum()) / total if total else 1.0


def _lesions(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Return (true lesions found, true lesions, predicted components without truth, of at least 8 voxels)."""
    labelled, true = ndimage.label(truth)
    shares = ndimage.mean(predicted, labelled, range(1, true + 1)) if true else []
    components, count = ndimage.label(predicted)
    numbers = range(1, count + 1)
    sizes = ndimage.sum(predicted, components, numbers) if count else []
    overlaps = ndimage.sum(truth, components, numbers) if count else []
    false = sum(1 for size, overlap in zip(sizes, overlaps, strict=True) if size >= 8 and overlap == 0)
    return int(np.sum(np.asarray(shares) > 0.1)), true, false
