"""Two processes that share every batch train as one process does, and stop together."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from LiverTumorAttentionLib.errors import InputError
from Testing.patience import PATIENCE_S
from Testing.Training.small_task import SmallTask
from training.loop.distributed import Processes, joined_processes
from training.loop.trainer import Trainer
from training.runs.checkpoint import CHECKPOINT, read_checkpoint

ROOT = Path(__file__).resolve().parents[3]


def two_processes(folder: Path, kind: str) -> list[subprocess.Popen[str]]:
    """Start what torchrun would start, on the loopback device alone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
    }
    return [
        subprocess.Popen(
            [sys.executable, "-m", "Testing.Training.small_task", str(folder), kind],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]


def finish(processes: list[subprocess.Popen[str]]) -> list[str]:
    return [process.communicate(timeout=PATIENCE_S)[0] for process in processes]


def in_one_process(folder: Path, parts: int) -> tuple[dict[str, dict[str, torch.Tensor]], dict[str, Any]]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    task = SmallTask(dropout=0.0)
    task.loop = replace(task.loop, accumulate=parts)
    assert Trainer(folder, task, say=lambda line: None).run()
    torch.set_num_threads(before)
    return read_checkpoint(folder / CHECKPOINT)


def test_two_processes_train_as_one(tmp_path: Path):
    """Bit for bit as one process that computes the two halves of a batch in turn; within rounding of the whole."""
    processes = two_processes(tmp_path / "two", "together")
    spoken = finish(processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert "step 12 of 12" in spoken[0]
    assert spoken[1] == ""
    found, state = read_checkpoint(tmp_path / "two" / CHECKPOINT)
    halves, state_of_halves = in_one_process(tmp_path / "halves", 2)
    whole, _ = in_one_process(tmp_path / "whole", 1)
    assert state["schedule"]["lowest"] == pytest.approx(state_of_halves["schedule"]["lowest"], abs=1e-6)
    for name, value in found["network"].items():
        assert torch.equal(value, halves["network"][name]), name
        torch.testing.assert_close(value, whole["network"][name], rtol=0, atol=1e-6)
    for name, value in found["average"].items():
        assert torch.equal(value, halves["average"][name]), name


def test_a_signal_to_either_process_stops_both_at_the_same_step(tmp_path: Path):
    processes = two_processes(tmp_path / "two", "slow")
    for line in processes[0].stdout:
        if line.startswith("step 4 "):
            processes[1].send_signal(signal.SIGTERM)
            break
    rest, _ = finish(processes)
    assert [process.returncode for process in processes] == [130, 130]
    stopped = int(re.search(r"stopped at step (\d+), saved", rest).group(1))
    assert 4 <= stopped < 9
    assert read_checkpoint(tmp_path / "two" / CHECKPOINT)[1]["position"]["step"] == stopped


def test_what_torchrun_would_set_must_be_there(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    for name in ("LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with (
        pytest.raises(
            InputError, match="LOCAL_RANK, MASTER_ADDR, MASTER_PORT is not set: start with torchrun"
        ),
        joined_processes("cpu"),
    ):
        pass


def test_by_itself_a_process_shares_with_nobody():
    alone = Processes()
    network = SmallTask().build()
    assert alone.together(network) is network
    assert alone.agree(0.25, True) == (0.25, True)
    with pytest.raises(InputError, match="a batch of 6 cannot be divided among 4 processes of 1 parts"):
        Processes(rank=1, world=4).check_batch(6, 1)
