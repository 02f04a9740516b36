"""Gradients of one batch, accumulated over its parts."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from LiverTumorAttentionLib.errors import OutOfMemory
from LiverTumorAttentionLib.memory import is_out_of_memory
from training.loop.distributed import Processes
from training.loop.loading import Batch
from training.loop.optimization import Optimization
from training.loop.task import Task

LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}
"""Of tensors of slices and of volumes, by their number of axes."""


def seed_step(seed: int, step: int, rank: int) -> None:
    """Make what dropout draws a function of the training's seed, the step and the process alone."""
    drawn = np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)
    torch.manual_seed(int(drawn[0]))


def on_device(network: nn.Module, device: torch.device) -> nn.Module:
    """Return a network on a device with its channels last, which convolutions are faster on."""
    ndim = max((parameter.ndim for parameter in network.parameters()), default=0)
    return network.to(device).to(memory_format=LAYOUTS.get(ndim))  # type: ignore[call-overload]


def add_gradients(
    network: nn.Module, batch: Batch, task: Task, optimization: Optimization, processes: Processes
) -> float:
    """Compute the gradients of a process's share of a batch, part by part, and return its mean loss.

    network: as `Processes.together` returns it. The gradients are those of the whole share at once, up to rounding,
    as long as no batch normalization looks at a part alone.
    Raises `OutOfMemory` when the device has too little memory.
    """
    network.train()
    parts, total = task.loop.accumulate, 0.0
    tensors = [tensor.chunk(parts) for tensor in (batch.truth, *batch.inputs)]
    try:
        for number, (truth, *inputs) in enumerate(zip(*tensors, strict=True), start=1):
            with processes.part(network, last=number == parts):
                with optimization.autocast():
                    outputs = network(*(_input_on(processes.device, part) for part in inputs))
                loss = task.loss(outputs, truth.to(processes.device, non_blocking=True)) / parts
                optimization.backward(loss)
            total += float(loss.detach())
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"{processes.device} has too little memory for {len(batch.truth) // parts} samples at once: raise "
            "loop.accumulate, which computes a batch in parts, or choose precision bfloat16"
        ) from error
    return total


def _input_on(device: torch.device, tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor on a device, laid out as `on_device` lays out its network."""
    layout = LAYOUTS.get(tensor.ndim, torch.contiguous_format)
    return tensor.to(device, non_blocking=True, memory_format=layout)
