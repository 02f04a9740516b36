"""The model of a cluster: paper and simulation agree where one thing is scarce, whichever it is."""

from __future__ import annotations

import numpy as np
import pytest

from Testing.trials.cluster_cost import LOST_SHARE, SPREAD, Case, Cluster, on_paper, page, rows_of, simulated

CASE = Case(core_seconds=36.0, unpack_seconds=2.0, peak_gib=2.0, input_mb=80.0, result_mb=20.0)


def test_a_computer_computes_as_many_cases_as_cores_and_memory_allow() -> None:
    assert Cluster(computers=1, cores=32, memory_gib=128).slots(CASE) == 16
    assert Cluster(computers=1, cores=32, memory_gib=8).slots(CASE) == 4
    assert Cluster(computers=1, cores=1, memory_gib=1).slots(CASE) == 1


def test_each_of_the_three_is_counted_on_paper() -> None:
    paper = on_paper(CASE, Cluster(computers=2, disk_mb_s=50.0, network_mb_s=10.0))
    assert paper["cores"] == pytest.approx(100 * 32 / np.exp(SPREAD**2 / 2) / (1 + LOST_SHARE / 2))
    assert paper["disks"] == pytest.approx(3600 * 0.5)
    assert paper["network"] == pytest.approx(3600 * 0.2)


@pytest.mark.parametrize(
    ("cluster", "scarce"),
    [
        (Cluster(computers=4), "cores"),
        (Cluster(computers=4, disk_mb_s=40.0), "disks"),
        (Cluster(computers=4, network_mb_s=10.0), "network"),
    ],
)
def test_the_simulation_comes_to_the_same_where_one_is_scarce(cluster: Cluster, scarce: str) -> None:
    paper = on_paper(CASE, cluster)
    assert min(paper, key=lambda name: paper[name]) == scarce
    found = simulated(CASE, cluster, 4000, np.random.default_rng(0))
    assert found == pytest.approx(paper[scarce], rel=0.04)


def test_where_two_are_nearly_scarce_the_paper_says_too_much() -> None:
    cluster = Cluster(computers=4, disk_mb_s=170.0)
    paper = on_paper(CASE, cluster)
    assert paper["cores"] == pytest.approx(paper["disks"], rel=0.05)
    assert simulated(CASE, cluster, 4000, np.random.default_rng(0)) < 0.97 * min(paper.values())


def test_the_page_has_a_row_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("Testing.trials.cluster_cost.COMPUTERS", (1, 2))
    monkeypatch.setattr("Testing.trials.cluster_cost.SIMULATED", 200)
    text = page(CASE, rows_of(CASE), 200)
    assert "100 TB" in text
    assert text.count("| cores |") == 2
