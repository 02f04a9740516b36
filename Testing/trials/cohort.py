"""Cohorts of many tiny cases, killed and resumed; Ray beside the pool of processes, with a computer that goes.

    python -m Testing.trials.cohort many --cases 10000 --output Testing/trials/results
    python -m Testing.trials.cohort kills --kills 500 --output Testing/trials/results
    python -m Testing.trials.cohort engines --cases 20 --output Testing/trials/results

Kills add to those that the folder's cohort.json holds: give another --seed to go on.

Cases are generated volumes of 32 x 32 x 32 voxels. In place of `segment_case` each goes through a STUB that reads the
volume, takes what is bright for a tumor, measures it and writes segmentation and report: what is tried here is all that
lies around a case, and no time is that of a segmentation.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from LiverTumorAttentionLib.analysis import measure_case, measure_tumors
from LiverTumorAttentionLib.cohort.engine import Engine
from LiverTumorAttentionLib.cohort.job import CohortJob
from LiverTumorAttentionLib.cohort.local_engine import LocalEngine
from LiverTumorAttentionLib.cohort.run import run_cohort
from LiverTumorAttentionLib.cohort.tables import TIMING_FILE, read_timings
from LiverTumorAttentionLib.cohort.task import THUMBNAIL_FILE
from LiverTumorAttentionLib.io import read_volume, replacing, write_image, write_segmentation
from LiverTumorAttentionLib.pictures.thumbnail import write_thumbnail
from LiverTumorAttentionLib.pipeline.jobs import SegmentationJob
from LiverTumorAttentionLib.pipeline.outputs import write_json
from LiverTumorAttentionLib.progress import Progress

RUNNER = "Testing.trials.cohort:stub"
SIZE = 32
LIVER_HU, TUMOR_HU, BRIGHT_HU = 100, 160, 130
TABLES = ("cases.csv", "lesions.csv", "failures.csv")
KILLED_CASES = 60
MOST_SECONDS_TO_END = 600
"""After a signal; a run that takes longer hangs."""
COMPUTERS = 2
"""Processes of the pool, and computers of the cluster, in `engines`."""
SLEEP = "LTA_TRIAL_SECONDS"
"""Environment: seconds that the stub sleeps in each case."""


def write_cases(folder: Path, count: int) -> None:
    """Write generated cases that are not there yet."""
    draw = np.random.default_rng(1)
    z, y, x = np.indices((SIZE, SIZE, SIZE))
    for number in range(count):
        center, radius = draw.uniform(10, 22, 3), draw.uniform(2, 6)
        voxels = np.full((SIZE, SIZE, SIZE), LIVER_HU, np.int16)
        inside = (z - center[0]) ** 2 + (y - center[1]) ** 2 + (x - center[2]) ** 2 <= radius**2
        voxels[inside] = TUMOR_HU
        path = folder / f"case{number:05d}" / "portal.nii.gz"
        if not path.exists():
            path.parent.mkdir(parents=True)
            write_image(path, sitk.GetImageFromArray(voxels))


def stub(job: SegmentationJob, folder: Path, progress: Progress) -> None:
    """Stand in for `segment_case`: what is bright is tumor, everything else liver."""
    portal = read_volume(job.portal)
    progress.update(0.5, "stub")
    time.sleep(float(os.environ.get(SLEEP, "0")))
    labels = 1 + (portal > BRIGHT_HU)
    instances = sitk.Cast(labels, sitk.sitkUInt8)
    tumors = measure_tumors(instances, portal, None, sitk.Cast(portal > BRIGHT_HU, sitk.sitkFloat32))
    case = measure_case(instances)
    assert job.output is not None
    assert job.report is not None
    write_segmentation(job.output, instances, source=job.portal)
    write_thumbnail(folder / THUMBNAIL_FILE, portal, instances)
    values = {
        "version": "stub",
        "model": {"id": "stub", "version": "0"},
        "phases": ["portal"],
        "phase_estimates": {},
        "registration": None,
        "warnings": [],
        "liver": {
            "volume_ml": case.liver_volume_ml,
            "tumor_volume_ml": case.tumor_volume_ml,
            "tumor_burden_percent": case.tumor_burden_percent,
        },
        "tumors": [{**vars(tumor)} for tumor in tumors],
    }
    write_json(Path(job.report), values)


def rss_mib() -> float:
    """Return the memory of this process, MiB."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def tables_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in TABLES}


def many(cases: int, workers: int, scratch: Path) -> dict[str, Any]:
    """Run many tiny cases and follow the memory of this process, which drives them."""
    write_cases(scratch / "in", cases)
    job = CohortJob(input=str(scratch / "in"), output=str(scratch / "out"))
    memory: list[tuple[int, float]] = []
    ended: list[str] = []

    def on_case(name: str, state: str, message: str) -> None:
        ended.append(state)
        if len(ended) % max(1, cases // 10) == 0:
            memory.append((len(ended), round(rss_mib(), 1)))

    begun = time.monotonic()
    before = time.process_time()
    run_cohort(
        job, on_case=on_case, engine=LocalEngine(workers, ["cpu"], 1.0, cases_a_process=1000), runner=RUNNER
    )
    seconds, driving = time.monotonic() - begun, time.process_time() - before
    listed = [row["case"] for row in rows_of(scratch / "out/cases.csv")]
    begun = time.monotonic()
    again = run_cohort(
        CohortJob(input=job.input, output=job.output, resume=True),
        engine=LocalEngine(1, ["cpu"], 1.0),
        runner=RUNNER,
    )
    return {
        "cases": cases,
        "workers": workers,
        "seconds": round(seconds, 1),
        "processor_seconds_of_the_driver": round(driving, 1),
        "rows": len(listed),
        "rows_twice": len(listed) - len(set(listed)),
        "failed": ended.count("failed"),
        "driver_mib": memory,
        "page_mib": round((scratch / "out/overview.html").stat().st_size / 2**20, 2),
        "seconds_of_a_resumed_run_with_nothing_to_do": round(time.monotonic() - begun, 1),
        "skipped_by_it": again.skipped,
    }


def drive(folder: Path) -> None:
    """Run the cohort of the kills, to be killed: a program of its own."""
    job = CohortJob(input=str(folder / "in"), output=str(folder / "out"), resume=True)
    from LiverTumorAttentionLib.ending import ending_signals
    from LiverTumorAttentionLib.errors import Cancelled

    with ending_signals() as cancelled:
        try:
            run_cohort(job, Progress(None, cancelled), engine=LocalEngine(2, ["cpu"], 1.0), runner=RUNNER)
        except Cancelled:
            sys.exit(Cancelled.exit_code)


def kills(count: int, seed: int, minutes: float, scratch: Path) -> dict[str, Any]:
    """Kill a run at random times, resume it, and compare the tables with those of an undisturbed run.

    minutes: after which no more kills follow.
    """
    limit = time.monotonic() + 60 * minutes
    draw = random.Random(seed)
    write_cases(scratch / "in", KILLED_CASES)
    os.environ[SLEEP] = "0.05"
    whole = scratch / "whole"
    whole.mkdir()
    (whole / "in").symlink_to(scratch / "in")
    command = [sys.executable, "-m", "Testing.trials.cohort", "drive", "--scratch"]
    begun = time.monotonic()
    subprocess.run([*command, str(whole)], check=True)
    undisturbed_s = time.monotonic() - begun
    expected = tables_of(whole / "out")
    faults: list[str] = []
    sent: dict[str, int] = {}
    finished, longest_s, longest_end_s = 0, undisturbed_s, 0.0
    for number in range(count):
        if time.monotonic() > limit:
            break
        name = ("SIGKILL", "SIGTERM", "SIGKILL", "SIGINT")[number % 4]
        process = subprocess.Popen(
            [*command, str(scratch)], start_new_session=True, stderr=subprocess.DEVNULL
        )
        delay, begun = draw.uniform(0.2, longest_s), time.monotonic()
        try:
            process.wait(delay)
            finished += 1
            longest_s = max(2.0, time.monotonic() - begun)
        except subprocess.TimeoutExpired:
            told = time.monotonic()
            process.send_signal(getattr(signal, name))
            process.wait(MOST_SECONDS_TO_END)
            longest_end_s = max(longest_end_s, time.monotonic() - told)
            sent[name] = sent.get(name, 0) + 1
        faults += [
            f"kill {number} ({name} at {delay:.2f} s): {text}" for text in _faults(scratch / "out", expected)
        ]
        for place in draw.sample(
            sorted((scratch / "out").glob("case[0-9]*")), k=0 if number % 2 else _half(scratch)
        ):
            shutil.rmtree(place)  # so that there is always something left to do
    subprocess.run([*command, str(scratch)], check=True)
    faults += [
        f"{name} differs at the end"
        for name, content in tables_of(scratch / "out").items()
        if content != expected[name]
    ]
    left = [path.name for path in (scratch / "out").iterdir() if path.name == ".work"]
    return {
        "kills_asked_for": count,
        "signals": sent,
        "runs_that_ended_before_theirs": finished,
        "cases": KILLED_CASES,
        "seconds_of_an_undisturbed_run": round(undisturbed_s, 1),
        "most_seconds_from_signal_to_end": round(longest_end_s, 1),
        "faults": faults + [f"{name} is left" for name in left],
        "tables_equal_those_of_an_undisturbed_run": tables_of(scratch / "out") == expected,
    }


def _half(scratch: Path) -> int:
    return len(list((scratch / "out").glob("case[0-9]*"))) // 2


def _faults(out: Path, expected: dict[str, bytes]) -> list[str]:
    """Return what is wrong after a kill: a case that is there in part, or rows that no undisturbed run has."""
    faults = [
        f"{place.name} is not whole"
        for place in out.glob("case[0-9]*")
        if not all((place / name).is_file() for name in ("done.json", "inputs.json", "result/report.json"))
    ]
    if (out / "cases.csv").exists():
        known = set(expected["cases.csv"].splitlines())
        lines = (out / "cases.csv").read_bytes().splitlines()
        faults += ["a row that no undisturbed run has"] if not set(lines) <= known else []
        faults += ["a row twice"] if len(set(lines)) < len(lines) else []
    return faults


def engines(cases: int, seconds: float, scratch: Path) -> dict[str, Any]:
    """Compare a pool of two processes with two computers of Ray, each of them a group of processes on this machine.

    What is compared is the time between cases, for a case's own depends on how busy the machine is, although the stub
    sleeps. Then a computer of the cluster is killed in the middle.
    """
    from ray.cluster_utils import Cluster

    from LiverTumorAttentionLib.cohort.ray_engine import RayEngine
    from Testing.Library.cohort.ray_computer import computer

    write_cases(scratch / "in", cases)
    os.environ[SLEEP] = str(seconds)

    def timed(name: str, engine: Engine, on_case: Any = None) -> tuple[float, float]:
        """Return the seconds of a run, and those between two cases."""
        ends: list[float] = []
        names: list[str] = []

        def noted(case: str, state: str, message: str) -> None:
            ends.append(time.monotonic())
            names.append(case)
            if on_case is not None:
                on_case(len(ends))

        begun = time.monotonic()
        summary = run_cohort(
            CohortJob(input=str(scratch / "in"), output=str(scratch / name)),
            on_case=noted,
            engine=engine,
            runner=RUNNER,
        )
        assert summary.done == cases, summary
        whole_s = time.monotonic() - begun
        # What lies between the cases of both, from the end of the first of each to the end of its last one.
        took = read_timings(scratch / name / TIMING_FILE)
        between = ends[-1] + ends[-2] - ends[1] - ends[0] - sum(took[case] for case in names[COMPUTERS:])
        return whole_s, between / (cases - COMPUTERS)

    local, local_between = timed("local", LocalEngine(COMPUTERS, ["cpu"], 1.0))
    cluster = Cluster(initialize_head=True, head_node_args=computer())
    try:
        second = cluster.add_node(**computer())
        cluster.wait_for_nodes()
        ray_s, ray_between = timed("ray", RayEngine(cluster.address, None, "none", 1.0))
        gone: list[int] = []

        def kill_node(count: int) -> None:
            if count == cases // 3 and not gone:
                gone.append(count)
                cluster.remove_node(second, allow_graceful=False)

        lost_s, _ = timed("node", RayEngine(cluster.address, None, "none", 1.0), kill_node)
    finally:
        cluster.shutdown()
    return {
        "cases": cases,
        "seconds_that_the_stub_sleeps": seconds,
        "local_seconds": round(local, 1),
        "ray_seconds": round(ray_s, 1),
        "seconds_between_cases_local": round(local_between, 3),
        "seconds_between_cases_ray": round(ray_between, 3),
        "overhead_percent_a_case": round(100 * (ray_between - local_between) / seconds, 1),
        "with_a_computer_killed_after": gone,
        "seconds_with_it": round(lost_s, 1),
        "tables_equal": tables_of(scratch / "local")
        == tables_of(scratch / "ray")
        == tables_of(scratch / "node"),
    }


def added(known: dict[str, Any] | None, found: dict[str, Any]) -> dict[str, Any]:
    """Return the kills of all runs together, with each run: one with another seed goes on where the last one ended."""
    runs = [*(known.get("runs", [known]) if known else []), found]
    signals: Counter[str] = Counter()
    for run in runs:
        signals.update(run["signals"])
    return {
        "kills": sum(signals.values()),
        "signals": dict(signals),
        "faults": [fault for run in runs for fault in run["faults"]],
        "tables_equal_those_of_an_undisturbed_run": all(
            run["tables_equal_those_of_an_undisturbed_run"] for run in runs
        ),
        "runs": runs,
    }


def _command(options: argparse.Namespace) -> str:
    """Return the command of a trial, without the places where it was run."""
    named = {
        "many": ("cases", "workers"),
        "kills": ("kills", "minutes", "seed"),
        "engines": ("cases", "seconds"),
    }[options.part]
    words = [f"--{name} {getattr(options, name)}" for name in named]
    return " ".join(["python -m Testing.trials.cohort", options.part, *words])


def main() -> int:
    """Run one trial and write its result beside those of the others."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=("many", "kills", "engines", "drive"))
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=600.0, help="after which no more kills follow")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="that the stub sleeps, in `engines`")
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--beside", default="nothing else", help="what else the machine did, for the record")
    parser.add_argument("--output", type=Path, help="folder for cohort.json")
    options = parser.parse_args()
    if options.part == "drive":
        drive(options.scratch)
        return 0
    with tempfile.TemporaryDirectory(prefix="lta-cohort-", dir=options.scratch) as folder:
        scratch = Path(folder)
        found = (
            many(options.cases, options.workers, scratch)
            if options.part == "many"
            else kills(options.kills, options.seed, options.minutes, scratch)
            if options.part == "kills"
            else engines(options.cases, options.seconds, scratch)
        )
    found |= {"cores": os.cpu_count(), "beside": options.beside, "command": _command(options)}
    print(json.dumps(found, indent=1))
    if options.output is not None:
        path = options.output / "cohort.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        if options.part == "kills":
            found = added(known.get("kills"), found)
        with replacing(path) as part:
            write_json(part, {**known, options.part: found}, indent=1)
    return 1 if found.get("faults") else 0


if __name__ == "__main__":
    sys.exit(main())
