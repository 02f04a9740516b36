"""Time, processor time and peak memory of `segment` with the bundled model: an earlier commit beside this one.

    python -m Testing.benchmarks.default_path --before COMMIT --scratch build/default-path \\
        --output Testing/benchmarks/results

The earlier commit is checked out in a git worktree of its own, and both run in turn on the same cases, each run in a
process of its own: 512 x 512 voxels in 100 to 1500 slices of one generated abdomen, one and two phases, with the
machine to itself and beside a process that keeps one core busy. Only ratios within one run mean something. Resumes
where it was stopped: rows that the results hold already are kept. Both run the model of this commit, without those of
its settings of postprocessing that the earlier commit does not know.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from Testing.benchmarks.end_to_end import Usage, measure

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "LiverTumorAttentionLib" / "data" / "models" / "demonstration"
SLICES = (100, 200, 400, 800, 1500)
DRAWN_SLICES, DRAWN_THICKNESS_MM = 200, 1.5
COMPRESSED_UP_TO = 400
"""Slices up to which the volumes are gzip files; larger ones are written as they are, to spare the benchmark's time."""
SPIN = "while True: pass"
KNOWN_SETTINGS = (
    "import dataclasses; from LiverTumorAttentionLib.postprocessing import PostprocessingSettings as Settings; "
    "print(*(field.name for field in dataclasses.fields(Settings)))"
)
COMMITS = ("before", "after")


def main() -> None:
    """Run and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", required=True, help="the commit to compare with")
    parser.add_argument("--scratch", type=Path, required=True, help="folder for cases and the other checkout")
    parser.add_argument("--output", type=Path, required=True, help="folder for the table")
    parser.add_argument("--slices", type=int, nargs="+", default=SLICES)
    parser.add_argument("--phases", type=int, nargs="+", choices=(1, 2), default=(1, 2))
    parser.add_argument("--beside", nargs="+", choices=("nothing", "a busy process"), default=("nothing",))
    parser.add_argument("--commits", nargs="+", choices=COMMITS, default=COMMITS)
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    scratch = options.scratch.resolve()
    checkouts = {"before": checkout(options.before, scratch / "before"), "after": ROOT}
    model, left_out = common_model(checkouts["before"], scratch / "model")
    results = options.output / "default-path.json"
    content = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {"rows": []}
    content |= {
        "command": "make benchmark-default-path",
        "before": described(checkouts["before"]),
        "after": described(ROOT),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "seed": options.seed,
        "settings_left_out": left_out,
    }
    for slices in options.slices:
        for phases in options.phases:
            for beside in options.beside:
                row = {"slices": slices, "phases": phases, "beside": beside}
                if any({key: old[key] for key in row} == row for old in content["rows"]):
                    continue
                case = case_of(slices, options.seed, scratch)
                found = compared(case, phases, beside, checkouts, options.commits, model)
                content["rows"].append({**row, **found})
                results.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
                (options.output / "default-path.md").write_text(table(content), encoding="utf-8")
                print(json.dumps(content["rows"][-1]))


def checkout(commit: str, folder: Path) -> Path:
    """Return a worktree of this repository at a commit."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=True)
        subprocess.run(["git", "worktree", "add", "--detach", str(folder), commit], cwd=ROOT, check=True)
    return folder


def described(folder: Path) -> str:
    """Return the commit of a checkout in short."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def common_model(before: Path, folder: Path) -> tuple[Path, list[str]]:
    """Return the bundled model as the earlier commit can read it, and the settings that were left out for it."""
    done = subprocess.run(
        [sys.executable, "-c", KNOWN_SETTINGS],
        cwd=before,
        env={**os.environ, "PYTHONPATH": str(before)},
        capture_output=True,
        text=True,
        check=True,
    )
    values = json.loads((MODEL / "model.json").read_text(encoding="utf-8"))
    left_out = sorted(values["postprocessing"].keys() - set(done.stdout.split()))
    for name in left_out:
        del values["postprocessing"][name]
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(MODEL, folder)
    (folder / "model.json").write_text(json.dumps(values), encoding="utf-8")
    return folder, left_out


def case_of(slices: int, seed: int, scratch: Path) -> Path:
    """Return the folder of the case with so many slices: the one drawn abdomen, interpolated along its long axis."""
    drawn = scratch / f"case-{DRAWN_SLICES}"
    if not (drawn / "portal.nii.gz").is_file():
        subprocess.run(
            [
                *(sys.executable, "-m", "LiverTumorAttentionLib", "phantom", "--size", "full"),
                *("--seed", str(seed), "--slices", str(DRAWN_SLICES)),
                *("--thickness", str(DRAWN_THICKNESS_MM), "--output", str(drawn), "--progress", "none"),
            ],
            cwd=ROOT,
            check=True,
        )
    folder = scratch / f"case-{slices}"
    if slices != DRAWN_SLICES and not volumes(folder):
        folder.mkdir(exist_ok=True)
        for phase in ("portal", "arterial"):
            image = interpolated(sitk.ReadImage(str(drawn / f"{phase}.nii.gz")), slices)
            suffix = ".nii.gz" if slices <= COMPRESSED_UP_TO else ".nii"
            sitk.WriteImage(image, str(folder / f"{phase}{suffix}"))
    return folder


def volumes(case: Path) -> list[Path]:
    """Return the portal and the arterial volume of a case; nothing where they are not there yet."""
    found = [path for phase in ("portal", "arterial") for path in case.glob(f"{phase}.nii*")]
    return found if len(found) == 2 else []


def interpolated(image: sitk.Image, slices: int) -> sitk.Image:
    """Return a volume with another number of slices over the same extent."""
    voxels = sitk.GetArrayViewFromImage(image)
    ratio = len(voxels) / slices
    result = np.empty((slices, *voxels.shape[1:]), voxels.dtype)
    for index in range(slices):
        position = min(max((index + 0.5) * ratio - 0.5, 0.0), len(voxels) - 1.0)
        low = min(int(position), len(voxels) - 2)
        share = position - low
        result[index] = np.rint((1 - share) * voxels[low] + share * voxels[low + 1])
    made = sitk.GetImageFromArray(result)
    x, y, z = image.GetSpacing()
    made.SetSpacing((x, y, z * ratio))
    made.SetDirection(image.GetDirection())
    made.SetOrigin(image.TransformContinuousIndexToPhysicalPoint((0.0, 0.0, 0.5 * ratio - 0.5)))
    return made


def compared(
    case: Path, phases: int, beside: str, checkouts: dict[str, Path], commits: list[str], model: Path
) -> dict[str, Any]:
    """Return what both commits took on a case, and how far their segmentations agree."""
    portal, arterial = volumes(case)
    row: dict[str, Any] = {}
    for name in commits:
        command = [
            *(sys.executable, "-m", "LiverTumorAttentionLib", "segment", "--portal", str(portal)),
            *(["--arterial", str(arterial)] if phases == 2 else []),
            *("--model", str(model), "--device", "cpu", "--progress", "none"),
            *("--output", str(case / f"{name}.seg.nrrd")),
        ]
        environment = {**os.environ, "PYTHONPATH": str(checkouts[name])}
        with busy(beside != "nothing"):
            used: Usage = measure(command, cwd=checkouts[name], env=environment)
        row[name] = {
            "seconds": round(used.seconds, 1),
            "processor_seconds": round(used.processor_seconds, 1),
            "peak_gib": round(used.peak_gib, 2),
            "bytes_a_voxel": round(used.peak_gib * 2**30 / sitk_size(portal), 1),
        }
    if len(commits) == 2:
        row["dice"] = agreement(*(case / f"{name}.seg.nrrd" for name in COMMITS))
    return row


def sitk_size(path: Path) -> int:
    """Return the number of voxels of a volume from its header."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return int(np.prod(reader.GetSize()))


@contextlib.contextmanager
def busy(wanted: bool) -> Iterator[None]:
    """Keep one core busy during the block, as another program would."""
    if not wanted:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", SPIN])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def agreement(before: Path, after: Path) -> dict[str, float]:
    """Return the Dice of liver and tumors between two segmentations; 1 where both find nothing."""
    voxels = [sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in (before, after)]
    layers = [array if array.ndim == 4 else array[..., np.newaxis] for array in voxels]
    found = {}
    for index, name in enumerate(("liver", "tumors")):
        one, other = (
            layer[..., index] > 0 if index < layer.shape[-1] else np.zeros(1, bool) for layer in layers
        )
        sizes = int(one.sum()) + int(other.sum())
        common = int((one & other).sum())
        found[name] = round(2 * common / sizes, 6) if sizes else 1.0
    return found


def table(content: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# The default path, before and after",
        "",
        f"`{content['command']}`: `segment` with the bundled model of the later commit, 512 × 512 voxels a slice, "
        f"commit {content['before']} beside {content['after']}, {content['cores']} cores. In turn on the same files; "
        "ratios count, seconds do not: other work ran on the machine. Not for clinical use.",
        "",
    ]
    if content.get("settings_left_out"):
        names = ", ".join(f"`{name}`" for name in content["settings_left_out"])
        lines += [f"Of its settings, {names} is left out, which the earlier commit does not know.", ""]
    lines += [
        "| slices | phases | beside it | seconds | ratio | processor s | ratio | peak GiB | ratio | bytes a voxel "
        "| Dice liver, tumors |",
        "| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in sorted(content["rows"], key=lambda row: (row["slices"], row["phases"], row["beside"])):
        cells = [str(row["slices"]), str(row["phases"]), row["beside"]]
        for key, digits in (("seconds", 1), ("processor_seconds", 1), ("peak_gib", 2)):
            values = [row[name][key] if name in row else None for name in COMMITS]
            cells.append(" → ".join("" if value is None else f"{value:.{digits}f}" for value in values))
            known = None not in values
            cells.append(f"{values[1] / values[0]:.2f}" if known else "")
        cells.append(" → ".join(str(row[name]["bytes_a_voxel"]) if name in row else "" for name in COMMITS))
        cells.append("{liver:.4f}, {tumors:.4f}".format(**row["dice"]) if "dice" in row else "")
        lines.append(f"| {' | '.join(cells)} |")
    if "note" in content:
        lines += ["", content["note"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
