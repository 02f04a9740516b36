"""What it takes to prepare a case, and to read a patch of it again.

    nice -n 10 python -m Testing.benchmarks.preparation --scratch build/preparation --output Testing/benchmarks/results

The case is a phantom of 512 x 512 x 200 voxels in two phases, kept in the scratch folder. It is prepared for two
recipes, each in a process of its own: three slices of both phases (registered, cropped, masked), and patches of
128 x 128 x 128 of the portal phase. Then the same random patches are read from the prepared arrays, from a
compressed .npz of the same arrays, and from the .nii.gz files by SimpleITK, which must read them whole. "cold" is with
the file's pages dropped from memory. CPU seconds are those of all threads.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

SEED, SIDE, SLICES, THICKNESS_MM = 450, 512, 200, 1.25
RECIPES = {"paresseg/table4-msf-pa": (3, 224, 224), "dpcnet/table2-both": (128, 128, 128)}
"""Recipes and the patches (z, y, x) that are read for them."""
PATCHES = 40


def write_case(folder: Path) -> None:
    """Write the phantom where it is missing."""
    from LiverTumorAttentionLib.phantoms import generate_phantom, write_phantom

    if not (folder / "lesions.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shape = {"matrix": SIDE, "slices": SLICES, "thickness_mm": THICKNESS_MM}
        write_phantom(generate_phantom(SEED, size="full", lesions=4, **shape), folder)


def prepare(data: Path, name: str, folder: Path) -> dict[str, Any]:
    """Prepare the case in this process; return seconds, CPU seconds and the memory that it came to, in GiB."""
    from training.data.layouts import find_cases
    from training.data.preparation import Preparation
    from training.data.preparation.prepare_case import prepare_case
    from training.recipes.recipe import read_recipe

    (source,) = find_cases("plain", data)
    preparation = Preparation.of(read_recipe(name))
    start, busy = time.perf_counter(), time.process_time()
    entry = prepare_case(preparation, "benchmark", folder, source)
    if entry.state != "done":
        raise RuntimeError(entry.reason)
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_seconds": round(time.process_time() - busy, 1),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "registration": entry.registration,
        "mib_on_disk": round(sum(f.stat().st_size for f in (folder / source.name).iterdir()) / 2**20, 1),
    }


def reading(case: Path, source: Path, size: tuple[int, int, int]) -> dict[str, float]:
    """Return milliseconds a patch by how it is read; a patch is one of every volume that the recipe has."""
    from training.data.case import PreparedCase

    prepared = PreparedCase.read(case)
    names = [name for name in ("portal", "arterial", "labels", "inside") if (case / f"{name}.npy").exists()]
    packed = case.parent / f"{case.name}.npz"
    np.savez_compressed(packed, **{name: np.load(case / f"{name}.npy") for name in names})
    plain = [case / f"{name}.npy" for name in names]
    compressed = [source / f"{name}.nii.gz" for name in names if name != "inside"]

    def mapped(box: tuple[slice, ...]) -> None:
        for name in names:
            volume = prepared.inside if name == "inside" else prepared.labels if name == "labels" else None
            np.array((prepared.volume(name) if volume is None else volume)[box])

    def unpacked(box: tuple[slice, ...]) -> None:
        with np.load(packed) as arrays:
            for name in names:
                np.array(arrays[name][box])

    def whole_files(box: tuple[slice, ...]) -> None:
        for path in compressed:
            image = sitk.ReadImage(str(path))
            np.array(sitk.GetArrayViewFromImage(image)[box])

    boxes = list(random_boxes(prepared.labels.shape, size))
    return {
        "arrays": timed(mapped, boxes),
        "arrays, cold": timed(mapped, boxes, dropped=plain),
        "npz": timed(unpacked, boxes[:4]),
        "nii.gz": timed(whole_files, boxes[:1]),
    }


def random_boxes(shape: tuple[int, ...], size: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """Return boxes anywhere in a volume, the same ones in every run."""
    rng = np.random.default_rng(0)
    corners = [
        [int(rng.integers(max(1, n - s + 1))) for n, s in zip(shape, size, strict=True)]
        for _ in range(PATCHES)
    ]
    return [tuple(slice(a, a + s) for a, s in zip(corner, size, strict=True)) for corner in corners]


def timed(
    read: Callable[[tuple[slice, ...]], None],
    boxes: list[tuple[slice, ...]],
    dropped: list[Path] | None = None,
) -> float:
    """Return the median milliseconds of a patch. dropped: files whose pages are dropped before every one."""
    read(boxes[0])
    times = []
    for box in boxes:
        for path in dropped or ():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        start = time.perf_counter()
        read(box)
        times.append(1000 * (time.perf_counter() - start))
    return round(float(np.median(times)), 2)


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Return both tables as Markdown."""
    lines = [
        "| recipe | s | CPU s | peak GiB | MiB on disk | registration |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in rows.items():
        made = row["prepare"]
        lines.append(
            f"| {name} | {made['seconds']} | {made['cpu_seconds']} | {made['peak_gib']} | {made['mib_on_disk']} "
            f"| {made['registration'] or '–'} |"
        )
    lines += [
        "",
        "| recipe | patch | arrays ms | cold ms | .npz ms | .nii.gz ms | times as fast as .npz | as .nii.gz |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in rows.items():
        took = row["read"]
        ours = took["arrays"]
        lines.append(
            f"| {name} | {' x '.join(map(str, RECIPES[name]))} | {ours} | {took['arrays, cold']} | {took['npz']} "
            f"| {took['nii.gz']} | {took['npz'] / ours:.0f} | {took['nii.gz'] / ours:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure in child processes and print the tables; with --child, measure one recipe here."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--scratch", type=Path, required=True, help="folder for the case, made where it is missing"
    )
    parser.add_argument("--output", type=Path, help="folder for preparation.md")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    data = options.scratch / "data"
    if options.child:
        folder = options.scratch / options.child.replace("/", "-")
        made = prepare(data, options.child, folder)
        took = reading(folder / "phantom", data / "phantom", RECIPES[options.child])
        print(json.dumps({"prepare": made, "read": took}))
        return
    write_case(data / "phantom")
    rows = {}
    for name in RECIPES:
        command = [sys.executable, "-m", __spec__.name, "--scratch", str(options.scratch), "--child", name]
        rows[name] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(name, rows[name], file=sys.stderr)
    cores = len(os.sched_getaffinity(0))
    text = (
        f"# Preparation\n\nOne case of {SIDE} x {SIDE} x {SLICES} voxels, {cores} cores of {platform.machine()}, "
        f"load {os.getloadavg()[0]:.1f} at the end.\n\n{table(rows)}\n"
    )
    print(text)
    if options.output:
        (options.output / "preparation.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
