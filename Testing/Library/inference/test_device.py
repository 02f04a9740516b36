"""Devices that are not there, and memory that runs out."""

from __future__ import annotations

import pytest
import torch

from LiverTumorAttentionLib.errors import DeviceError
from LiverTumorAttentionLib.inference import choose_device


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpu", "unknown device 'gpu': choose auto, cpu, cuda or cuda:N"),
        ("cuda:x", "unknown device 'cuda:x'"),
        ("cuda:99", "the device 'cuda:99' is not there"),
    ],
)
def test_a_device_that_is_not_there_is_refused(name: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        choose_device(name)


def test_running_out_of_memory_is_said_in_words() -> None:
    device = choose_device("cpu")
    with pytest.raises(DeviceError, match="too little free memory"), device.running():
        raise torch.OutOfMemoryError("CUDA out of memory")
