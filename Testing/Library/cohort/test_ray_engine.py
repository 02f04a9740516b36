"""A real Ray cluster, each of its computers a group of processes here: behind a server, and under a cohort.

Workers and computers are killed in the middle of both.
"""

from __future__ import annotations

import csv
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from LiverTumorAttentionLib.cohort.job import CohortJob
from LiverTumorAttentionLib.cohort.run import run_cohort
from LiverTumorAttentionLib.errors import Cancelled, InputError
from LiverTumorAttentionLib.io import write_image
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.progress import Progress, ProgressEvent
from Testing.Library.cohort.ray_computer import computer
from Testing.Library.cohort.stub import RUNNER, write_cases

ray = pytest.importorskip("ray", reason="Ray (pip install '.[cluster]') is not installed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster whose head computes nothing, so that every computer that does can go."""
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args=computer(cores=0))
    yield found
    found.shutdown()


def have_two_computers(cluster: Any) -> None:
    """Add what is missing."""
    while len(cluster.worker_nodes) < 2:
        cluster.add_node(**computer())
    cluster.wait_for_nodes()


def computer_of(worker: int, cluster: Any) -> Any:
    """Return the computer that has started a worker's process."""
    parent = int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1])
    return next(
        node for node in cluster.worker_nodes if node.all_processes["raylet"][0].process.pid == parent
    )


def test_a_server_loses_no_case_though_workers_and_a_computer_go(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    from LiverTumorAttentionLib.remote.segmentation import segment_remotely
    from Testing.Library.server.conftest import running_server, tiny_volume
    from Testing.Library.server.stub import DIES_ONCE, HANGS, HANGS_ONCE

    portal = tmp_path / "portal.nrrd"
    write_image(portal, tiny_volume())
    files = {"output": "o.seg.nrrd", "table": "t.csv", "save_probability": "q.nrrd"}
    expected: dict[str, bytes] = {}

    def segment(server: Any, seed: int, progress: Progress | None = None) -> dict[str, bytes]:
        folder = tmp_path / f"{time.monotonic_ns()}"
        folder.mkdir()
        outputs = {field: str(folder / name) for field, name in files.items()}
        segment_remotely(
            SegmentationJob(portal=str(portal), seed=seed, **outputs),  # type: ignore[arg-type]
            server.address,
            progress,
        )
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    have_two_computers(cluster)
    with running_server(tmp_path / "here") as server:
        expected = segment(server, 1)
    workers: list[int] = []

    def note(event: ProgressEvent) -> None:
        if event.stage == "stub" and event.message.isdigit():
            workers.append(int(event.message))

    def lose_the_computer(event: ProgressEvent) -> None:
        if event.stage == "stub" and event.message.isdigit() and len(cluster.worker_nodes) == 2:
            cluster.remove_node(computer_of(int(event.message), cluster), allow_graceful=False)

    settings: dict[str, Any] = {"address": cluster.address, "gpus": "none", "memory_gib": 0.5}
    with running_server(tmp_path / "there", "ray", **settings) as server:
        assert segment(server, 1) == expected
        assert segment(server, DIES_ONCE) == expected
        with pytest.raises(Cancelled):
            segment(server, HANGS, Progress(note, lambda: bool(workers)))
        assert segment(server, 1) == expected, "there is a place for it again"
        with pytest.raises(ProcessLookupError):
            os.kill(workers[0], 0)
        assert segment(server, HANGS_ONCE, Progress(lose_the_computer)) == expected
        monkeypatch.setattr("LiverTumorAttentionLib.server.jobs.__version__", "0")
        with pytest.raises(
            InputError, match=r"could not begin \(its software is of .*: tell who runs the server"
        ):
            segment(server, 1)
        assert server.kept() == []


def test_every_case_is_done_once_though_a_computer_goes_and_a_worker_dies(
    cluster: Any, tmp_path: Path
) -> None:
    from LiverTumorAttentionLib.cohort.ray_engine import RayEngine

    contents = {f"c{number:02d}": chr(number + 1) for number in range(16)}
    write_cases(tmp_path / "in", **contents, die="\x03die once", never="\x03die", refused="\x03refuse")
    have_two_computers(cluster)
    told: list[tuple[str, str]] = []

    def on_case(name: str, state: str, message: str) -> None:
        told.append((name, state))
        if len(told) == 4:
            cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)

    with pytest.raises(InputError, match=r"no computer of the Ray cluster has 64 GiB"):
        RayEngine(cluster.address, None, "none", 64.0)
    job = CohortJob(input=str(tmp_path / "in"), output=str(tmp_path / "out"), engine="ray")
    handler = signal.getsignal(signal.SIGTERM)
    engine = RayEngine(cluster.address, None, "none", 0.5)
    assert signal.getsignal(signal.SIGTERM) == handler, "signals are the program's own"
    summary = run_cohort(job, on_case=on_case, engine=engine, runner=RUNNER)
    assert len(told) == len({name for name, _ in told}) == 19
    assert set(summary.failures) == {"never", "refused"}
    assert "also when it was tried again" in summary.failures["never"]
    with (tmp_path / "out/cases.csv").open(newline="") as file:
        volumes = {row["case"]: float(row["tumor_volume_ml"]) for row in csv.DictReader(file)}
    assert volumes == {**{name: float(ord(text)) for name, text in contents.items()}, "die": 3.0}
