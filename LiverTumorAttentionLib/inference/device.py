"""Computing device and precision of inference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from LiverTumorAttentionLib.config_parsing import shown, whole_number
from LiverTumorAttentionLib.errors import DeviceError
from LiverTumorAttentionLib.wording import counted


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device on which networks run."""

    torch: torch.device
    """The device as torch names it."""
    bfloat16: bool
    """Whether convolutions run in bfloat16: where the hardware multiplies in it, not where it emulates it."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run networks without gradients, deterministically, in this device's precision.

        Raises `DeviceError` when the device runs out of memory.
        """
        try:
            with (
                torch.inference_mode(),
                torch.autocast(self.torch.type, torch.bfloat16, enabled=self.bfloat16),
                torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
            ):
                yield
        except torch.OutOfMemoryError as error:
            raise DeviceError(
                f"{self.describe()} has too little free memory: "
                "close other programs that use it, or choose cpu"
            ) from error

    def describe(self) -> str:
        """Return the device in words."""
        if self.torch.type == "cuda":
            return f"{self.torch} ({torch.cuda.get_device_name(self.torch)})"
        return f"cpu ({torch.get_num_threads()} threads)"


def choose_device(name: str = "auto") -> Device:
    """Return the device of that name: "auto" (CUDA when there is one), "cpu", "cuda" or "cuda:N".

    Raises `DeviceError` when it is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return Device(torch=torch.device("cpu"), bfloat16=_cpu_has_bfloat16())
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
