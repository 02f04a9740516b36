"""Files are there whole or not at all, and hold what was given."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import pytest
import torch

from LiverTumorAttentionLib.errors import InputError, OutputError
from training.runs.checkpoint import read_checkpoint, read_weights, write_checkpoint, write_weights


@pytest.fixture
def full_disk():
    """Let no file grow beyond 4 kB, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_groups_and_state_come_back(tmp_path: Path):
    groups = {
        "network": {"a.weight": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last)},
        "optimizer": {"step.a.weight": torch.tensor(3.0), "exp_avg.a.weight": torch.rand(2)},
    }
    state = {"position": {"step": 3, "best_score": None}, "rate": 0.1 + 0.2}
    write_checkpoint(tmp_path / "c.safetensors", groups, state)
    found, found_state = read_checkpoint(tmp_path / "c.safetensors")
    assert found_state == state
    assert found.keys() == groups.keys()
    for group, tensors in groups.items():
        assert found[group].keys() == tensors.keys()
        assert all(torch.equal(found[group][name], value) for name, value in tensors.items())


def test_a_full_disk_is_said_and_leaves_the_old_file(tmp_path: Path, full_disk):
    path = tmp_path / "w.safetensors"
    write_weights(path, {"w": torch.ones(10)}, {"step": 1})
    with pytest.raises(OutputError, match=r"w\.safetensors' cannot be written .*free some space"):
        write_weights(path, {"w": torch.ones(10_000)}, {"step": 2})
    tensors, about = read_weights(path)
    assert about == {"step": 1}
    assert torch.equal(tensors["w"], torch.ones(10))
    assert [entry.name for entry in tmp_path.iterdir()] == ["w.safetensors"]


def test_a_damaged_file_is_said(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    write_weights(path, {"w": torch.ones(100)}, {"step": 1})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"w\.safetensors cannot be read .*start anew"):
        read_weights(path)
