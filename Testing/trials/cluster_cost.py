"""What a large cohort costs on a cluster: a model on paper from a measured case, checked by a simulation.

    python -m Testing.trials.cluster_cost --output Testing/trials/results

One case of 512 x 512 x 200 voxels in two phases is generated, written, read and segmented here, in processes of their
own. On paper, a cluster computes as many cases an hour as the scarcest of three allows: cores, the disks that all
computers read from, and the network of a computer. The simulation draws the time of each case and lets computers wait
for disks and network: where it falls short of the paper is what the paper leaves out.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from LiverTumorAttentionLib.io import replacing
from Testing.benchmarks.end_to_end import LIBRARY, READ, measure

CASES = 1_000_000
SIMULATED = 20_000
"""Cases of a simulation; rates do not depend on how many."""
COMPUTERS = (1, 10, 100, 1000)
SPREAD = 0.4
"""Of the logarithm of a case's time: that of the bundled model on real volumes (training/results/bundled)."""
LOST_SHARE = 0.001
"""Cases whose computer goes while they are computed, and that begin again."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A measured case. core_seconds: of processor, all in all; of these, unpacking: reading both gzip files."""

    core_seconds: float
    unpack_seconds: float
    peak_gib: float
    input_mb: float
    result_mb: float


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Computers alike, and what they share."""

    computers: int
    cores: int = 32
    memory_gib: float = 128.0
    disk_mb_s: float = 2000.0
    """Of the storage that all read from and write to."""
    network_mb_s: float = 1200.0
    """Of one computer: 10 Gbit/s."""
    cores_a_case: int = 2
    """As a task of `cohort` reserves them."""

    def slots(self, case: Case) -> int:
        """Return how many cases a computer computes at once."""
        return max(1, min(self.cores // self.cores_a_case, int(self.memory_gib / case.peak_gib)))


def on_paper(case: Case, cluster: Cluster) -> dict[str, float]:
    """Return how many cases an hour cores, disks and network allow."""
    moved = case.input_mb + case.result_mb
    slots = cluster.slots(case) * cluster.computers
    mean = case.core_seconds * float(np.exp(SPREAD**2 / 2))
    return {
        "cores": 3600 * slots / mean / (1 + 0.5 * LOST_SHARE),
        "disks": 3600 * cluster.disk_mb_s / moved,
        "network": 3600 * cluster.network_mb_s * cluster.computers / moved,
    }


def simulated(case: Case, cluster: Cluster, cases: int, rng: np.random.Generator) -> float:
    """Return the cases an hour of a cluster whose tasks queue for the disks and for their computer's network.

    A task reads through both, computes, and writes through both; each serves one after another. A computer that goes
    takes its case with it, which is computed again.
    """
    slots = cluster.slots(case)
    free = [(0.0, number % cluster.computers) for number in range(slots * cluster.computers)]
    heapq.heapify(free)
    disk, network = 0.0, np.zeros(cluster.computers)
    ended: list[float] = []
    times = case.core_seconds * np.exp(rng.normal(0, SPREAD, cases))
    lost = rng.random(cases) < LOST_SHARE
    for seconds, again in zip(times, lost, strict=True):
        now, computer = heapq.heappop(free)
        if again:
            now += rng.random() * seconds
        disk = max(disk, now) + case.input_mb / cluster.disk_mb_s
        network[computer] = max(network[computer], now) + case.input_mb / cluster.network_mb_s
        done = max(disk, network[computer]) + seconds
        disk += case.result_mb / cluster.disk_mb_s
        network[computer] += case.result_mb / cluster.network_mb_s
        heapq.heappush(free, (done, computer))
        ended.append(done)
    ended.sort()
    first, last = len(ended) // 10, len(ended) - len(ended) // 10
    return 3600 * (last - first) / (ended[last - 1] - ended[first])


def measured(slices: int) -> Case:
    """Return the costs of a generated case on this computer, one thread."""
    environment = {"OMP_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}
    os.environ.update(environment)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        quiet = ["--progress", "none"]
        measure(
            [
                *(*LIBRARY, "phantom", "--seed", "42", "--output", name),
                *("--size", "full", "--slices", str(slices), *quiet),
            ]
        )
        volumes = [str(folder / f"{phase}.nii.gz") for phase in ("portal", "arterial")]
        read = measure([LIBRARY[0], "-c", READ, *volumes])
        inputs = ["--portal", volumes[0], "--arterial", volumes[1]]
        results = folder / "results"
        results.mkdir()
        outputs = [
            *("--output", str(results / "segmentation.seg.nrrd"), "--report", str(results / "report.json")),
            *("--save-registered", str(results / "arterial.nrrd")),
            *("--save-probability", str(results / "chance.nrrd")),
        ]
        whole = measure([*LIBRARY, "segment", *inputs, *outputs, "--device", "cpu", *quiet])
        return Case(
            core_seconds=round(whole.processor_seconds, 1),
            unpack_seconds=round(read.processor_seconds, 1),
            peak_gib=round(whole.peak_gib, 2),
            input_mb=round(sum(Path(path).stat().st_size for path in volumes) / 1e6, 1),
            result_mb=round(sum(path.stat().st_size for path in results.iterdir()) / 1e6, 1),
        )


def rows_of(case: Case) -> list[dict[str, float | int | str]]:
    """Return a row a size of cluster."""
    rng, rows = np.random.default_rng(0), []
    for computers in COMPUTERS:
        cluster = Cluster(computers=computers)
        paper = on_paper(case, cluster)
        scarce = min(paper, key=lambda name: paper[name])
        rate = simulated(case, cluster, max(SIMULATED, 40 * cluster.slots(case) * computers), rng)
        rows.append(
            {
                "computers": computers,
                "cases at once": cluster.slots(case) * computers,
                "paper, cases an hour": round(paper[scarce]),
                "scarce": scarce,
                "simulated, cases an hour": round(rate),
                "hours of a million": round(CASES / rate, 1),
                "core hours of a million": round(CASES * case.core_seconds / 3600),
            }
        )
    return rows


def page(case: Case, rows: list[dict[str, float | int | str]], slices: int) -> str:
    """Return the results as Markdown."""
    cluster = Cluster(computers=1)
    moved = case.input_mb + case.result_mb
    mean = case.core_seconds * float(np.exp(SPREAD**2 / 2))
    full = cluster.disk_mb_s / moved * mean / cluster.slots(case)
    lines = [
        "# What a million studies cost",
        "",
        f"`python -m Testing.trials.cluster_cost --slices {slices} --output Testing/trials/results`. One generated "
        f"case of 512 × 512 × {slices} voxels in two phases, measured with one thread: {case.core_seconds:g} s of "
        f"processor, of which {case.unpack_seconds:g} s to read and unpack, {case.peak_gib:g} GiB at the peak, "
        f"{case.input_mb:g} MB to read, {case.result_mb:g} MB to write.",
        "",
        f"Computers of {cluster.cores} cores and {cluster.memory_gib:g} GiB, {cluster.cores_a_case} cores a case, "
        f"a network of {cluster.network_mb_s:g} MB/s each, and disks of {cluster.disk_mb_s:g} MB/s for all: "
        f"assumed, not measured. Times of cases vary by a deviation of {SPREAD:g} of their logarithm; one case in "
        f"{1 / LOST_SHARE:g} is lost with its computer and begins again.",
        "",
        "| " + " | ".join(rows[0]) + " |",
        "| " + " | ".join("---:" for _ in rows[0]) + " |",
        *("| " + " | ".join(_cell(value) for value in row.values()) + " |" for row in rows),
        "",
        f"The disks are full from {full:.0f} such computers on. What a second core of a case saves is not counted. "
        f"Without volumes in the results (`--without-volumes`), {cluster.disk_mb_s / case.input_mb:.0f} cases a "
        f"second can be read. Inputs and results of a million are {CASES * moved / 1e6:,.0f} TB.",
    ]
    return "\n".join(lines) + "\n"


def _cell(value: float | int | str) -> str:
    return f"{value:,}" if isinstance(value, int | float) else value


def main() -> None:
    """Measure, simulate, and write cluster-cost.md and cluster-cost.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the tables")
    parser.add_argument("--slices", type=int, default=200)
    options = parser.parse_args()
    case = measured(options.slices)
    rows = rows_of(case)
    text = page(case, rows, options.slices)
    for name, content in {
        "cluster-cost.md": text,
        "cluster-cost.json": json.dumps({"case": asdict(case), "rows": rows}, indent=1) + "\n",
    }.items():
        with replacing(options.output / name) as partial:
            partial.write_text(content, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
