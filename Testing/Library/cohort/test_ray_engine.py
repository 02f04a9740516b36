"""A real Ray cluster of two computers, each a group of processes here: one is killed in the middle of a cohort."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from LiverTumorAttentionLib.cohort.job import CohortJob
from LiverTumorAttentionLib.cohort.run import run_cohort
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.cohort.ray_computer import computer
from Testing.Library.cohort.stub import RUNNER, write_cases

ray = pytest.importorskip("ray", reason="Ray (pip install '.[cluster]') is not installed")


def test_every_case_is_done_once_though_a_computer_goes_and_a_worker_dies(tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    from LiverTumorAttentionLib.cohort.ray_engine import RayEngine

    contents = {f"c{number:02d}": chr(number + 1) for number in range(16)}
    write_cases(tmp_path / "in", **contents, die="\x03die once", never="\x03die", refused="\x03refuse")
    cluster = Cluster(initialize_head=True, head_node_args=computer())
    try:
        second = cluster.add_node(**computer())
        cluster.wait_for_nodes()
        told: list[tuple[str, str]] = []

        def on_case(name: str, state: str, message: str) -> None:
            told.append((name, state))
            if len(told) == 4:
                cluster.remove_node(second, allow_graceful=False)

        with pytest.raises(InputError, match=r"no computer of the Ray cluster has 64 GiB"):
            RayEngine(cluster.address, None, "none", 64.0)
        job = CohortJob(input=str(tmp_path / "in"), output=str(tmp_path / "out"), engine="ray")
        summary = run_cohort(
            job, on_case=on_case, engine=RayEngine(cluster.address, None, "none", 0.5), runner=RUNNER
        )
    finally:
        cluster.shutdown()
    assert len(told) == len({name for name, _ in told}) == 19
    assert set(summary.failures) == {"never", "refused"}
    assert "also when it was tried again" in summary.failures["never"]
    with (tmp_path / "out/cases.csv").open(newline="") as file:
        volumes = {row["case"]: float(row["tumor_volume_ml"]) for row in csv.DictReader(file)}
    assert volumes == {**{name: float(ord(text)) for name, text in contents.items()}, "die": 3.0}
