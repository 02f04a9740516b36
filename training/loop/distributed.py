"""Data-parallel training in processes started by `torchrun`: each computes its share of every batch."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.inference import Device, choose_device

WAIT = timedelta(hours=6)
"""For each other: all wait while the first process validates."""
VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True, kw_only=True)
class Processes:
    """This process among those that train together; by default it is alone."""

    rank: int = 0
    """Its number."""
    world: int = 1
    """How many there are."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    """Where it computes."""

    @property
    def writes(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def together(self, network: nn.Module) -> nn.Module:
        """Return the network so that its gradients become the mean over all processes; itself for one process."""
        return network if self.world == 1 else DistributedDataParallel(network)

    def normalized_together(self, network: nn.Module) -> nn.Module:
        """Return the network with batch normalization over the batches of all processes, where CUDA offers it.

        On the CPU every process normalizes its own share, and the first process's statistics are kept.
        """
        if self.world == 1 or self.device.type != "cuda":
            return network
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        return converted

    def part(self, network: nn.Module, *, last: bool) -> AbstractContextManager[None]:
        """Return the context of one part of an accumulated batch: gradients are exchanged with the last alone."""
        if isinstance(network, DistributedDataParallel) and not last:
            return network.no_sync()
        return nullcontext()

    def check_batch(self, batch: int, parts: int) -> None:
        """Raise `InputError` unless every part of every process's share of a batch gets equally many samples."""
        if batch % (self.world * parts):
            raise InputError(
                f"a batch of {batch} cannot be divided among {self.world} processes of {parts} parts each: choose a "
                f"multiple of {self.world * parts} as loop.batch, or other numbers of processes or parts"
            )

    def agree(self, value: float, stop: bool) -> tuple[float, bool]:
        """Return the mean of all processes' values, not finite if one is, and whether one of them is to stop."""
        if self.world == 1:
            return value, stop
        both = torch.tensor([value / self.world, float(stop)], dtype=torch.float64, device=self.device)
        distributed.all_reduce(both)
        mean, stops = both.tolist()
        return mean, stops > 0


@contextlib.contextmanager
def joined_processes(device_name: str) -> Iterator[tuple[Processes, Device]]:
    """Yield this process among those that `torchrun` started, or by itself, and its device.

    device_name: "auto", "cpu", "cuda" or "cuda:N"; processes that train together take one CUDA device each.
    What was built of them should be out of use when they part: a network that still holds the others' connection
    would keep its threads until Python itself ends, and one that then asks for Python ends in an abort.
    Raises `InputError` when the environment is not complete, `DeviceError` when there are too few devices.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        device = choose_device(device_name)
        yield Processes(device=device.torch), device
        return
    missing = [name for name in VARIABLES if name not in os.environ]
    if missing:
        raise InputError(
            f"WORLD_SIZE is {world}, but {', '.join(missing)} is not set: "
            f"start with torchrun --nproc-per-node {world} -m training train …"
        )
    wanted = choose_device(device_name).torch.type
    device = choose_device(wanted if wanted == "cpu" else f"cuda:{os.environ['LOCAL_RANK']}")
    if wanted == "cuda":
        torch.cuda.set_device(device.torch)
    distributed.init_process_group("nccl" if wanted == "cuda" else "gloo", timeout=WAIT)
    try:
        yield (Processes(rank=distributed.get_rank(), world=world, device=device.torch), device)
    finally:
        gc.collect()  # networks whose parts refer to each other
        distributed.destroy_process_group()
