"""Computing device and precision of inference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch

from LiverTumorAttentionLib.config_parsing import shown, whole_number
from LiverTumorAttentionLib.errors import DeviceError
from LiverTumorAttentionLib.memory import is_out_of_memory, out_of_memory
from LiverTumorAttentionLib.threads import usable_cores
from LiverTumorAttentionLib.wording import counted


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device on which networks run."""

    torch: torch.device
    """The device as torch names it."""
    bfloat16: bool
    """Whether convolutions run in bfloat16: where the hardware multiplies in it, not where it emulates it."""
    threads: int = 1
    """Threads of the CPU that compute at once; networks on another device need one."""

    @property
    def kind(self) -> str:
        """ "cpu" or "cuda"."""
        return self.torch.type

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run networks without gradients, deterministically, in this device's precision.

        Raises `OutOfMemory` when the device runs out of memory.
        """
        try:
            with (
                torch.inference_mode(),
                torch.autocast(self.torch.type, torch.bfloat16, enabled=self.bfloat16),
                self._deterministic(),
            ):
                yield
        except Exception as error:
            if is_out_of_memory(error):
                raise out_of_memory(error, where=self.describe()) from error
            raise

    def freed(self) -> None:
        """Give back what torch keeps for later."""
        if self.kind == "cuda" and torch.cuda.is_initialized():
            torch.cuda.empty_cache()

    def _deterministic(self) -> AbstractContextManager[None]:
        """Return the block in which cuDNN computes deterministically. Its flags are those of all threads."""
        if self.kind != "cuda":
            return nullcontext()
        return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)

    def describe(self) -> str:
        """Return the device in words."""
        if self.torch.type == "cuda":
            return f"{self.torch} ({torch.cuda.get_device_name(self.torch)})"
        return f"cpu ({counted(self.threads, 'thread')})"


def choose_device(name: str = "auto") -> Device:
    """Return the device of that name: "auto" (CUDA when there is one), "cpu", "cuda" or "cuda:N".

    Raises `DeviceError` when it is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        threads = min(torch.get_num_threads(), usable_cores())
        return Device(torch=torch.device("cpu"), bfloat16=_cpu_has_bfloat16(), threads=threads)
    kind, _, number = name.partition(":")
    wanted = whole_number(number) if name != "cuda" else 0
    if kind != "cuda" or wanted is None:
        raise DeviceError(f"unknown device {shown(name)}: choose auto, cpu, cuda or cuda:N")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted >= count:
        found = counted(count, "CUDA device") if count else "no CUDA device"
        raise DeviceError(f"the device {name!r} is not there: this computer has {found}; choose auto or cpu")
    device = torch.device("cuda", wanted)
    with torch.cuda.device(device):
        return Device(torch=device, bfloat16=torch.cuda.is_bf16_supported(including_emulation=False))


def _cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16; older torch cannot tell and gets float32."""
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        supported = getattr(torch.cpu, name, None)
        if supported is not None and supported():
            return True
    return False
