"""Agreement, time and memory of MONAI bundles here and in MONAI itself, in one run.

    python -m Testing.benchmarks.models.monai --scratch build/models --output Testing/benchmarks/results

Each bundle holds a network of MONAI's with drawn weights, and transforms and windows as bundles have them. Ours
is added as `models add` does it; MONAI's side reads the same configuration with MONAI's own parser and goes through
MONAI's own transforms and sliding window. Each runs in a process of its own, from file to file, on one drawn volume.
Rows of the same volume are kept. Not for clinical use.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from Testing.benchmarks.models.cases import draw_case
from Testing.benchmarks.models.compare import EXTENT_MM, SEED, measured
from Testing.benchmarks.registration.clock import Clock

NETWORKS = ("UNet", "SegResNet", "DynUNet", "SwinUNETR", "UNETR")
"""Of MONAI's networks those of the tests, which are tiny."""
FULL_SIZE: dict[str, dict[str, Any]] = {
    "UNet of full size": {
        "_target_": "UNet",
        "channels": [16, 32, 64, 128, 256],
        "strides": [2, 2, 2, 2],
        "num_res_units": 2,
        "norm": "batch",
    },
    "SegResNet of full size": {
        "_target_": "SegResNet",
        "init_filters": 16,
        "blocks_down": [1, 2, 2, 4],
        "blocks_up": [1, 1, 1],
    },
}
"""Networks as published bundles have them, with windows of 96 voxels a side."""
NAMES = (*NETWORKS, *FULL_SIZE)
WEIGHT_SEED = 3
HEIGHT_MM = 100.0
"""Of the drawn volume, however many slices it has."""


def main() -> None:
    """Run one side, or both of them over all bundles, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scratch", type=Path, help="folder of bundles, models and volumes")
    parser.add_argument("--output", type=Path, help="folder for the table")
    parser.add_argument("--name", default="models-monai", help="name of the table (default: models-monai)")
    parser.add_argument("--network", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--matrix", type=int, default=96, help="pixels along a side of the slices")
    parser.add_argument("--slices", type=int, default=44)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        bundle, volume, labels = options.files
        print(json.dumps(SIDES[options.side](bundle, volume, labels)))
        return
    if options.scratch is None or options.output is None:
        parser.error("--scratch and --output are needed")
    compare(options)


def compare(options: argparse.Namespace) -> None:
    """Run both sides over every bundle that has no row yet; save each row."""
    place = options.output / f"{options.name}.json"
    content: dict[str, Any] = {
        "command": f"python -m Testing.benchmarks.models.monai --matrix {options.matrix} --slices {options.slices}",
        "volume": f"{options.matrix} x {options.matrix} x {options.slices}",
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, "
        f"OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'not set')}",
    }
    before = json.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}
    rows = before["rows"] if all(before.get(key) == value for key, value in content.items()) else []
    for name in options.network:
        if any(row["network"] == name for row in rows):
            continue
        rows.append({"network": name, **row_of(name, options.matrix, options.slices, options.scratch)})
        rows.sort(key=lambda row: NAMES.index(row["network"]))
        print(json.dumps(rows[-1]), flush=True)
        content["rows"] = rows
        place.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        place.with_suffix(".md").write_text(table(content), encoding="utf-8")


def row_of(name: str, matrix: int, slices: int, scratch: Path) -> dict[str, Any]:
    """Return what both sides take with a network, and how far they agree."""
    import numpy as np
    import SimpleITK as sitk

    from Testing.Library.monai_bundles import write_bundle

    work = scratch / "monai" / name
    bundle = work / "bundle"
    if not bundle.is_dir():
        write_bundle(bundle, configuration_of(name), seed=WEIGHT_SEED)
    volume = work / f"volume-{matrix}-{slices}.nii.gz"
    if not volume.is_file():
        spacing = {"thickness_mm": HEIGHT_MM / slices, "spacing_mm": EXTENT_MM / matrix}
        image, _ = draw_case(SEED, matrix=matrix, slices=slices, **spacing)
        sitk.WriteImage(image, str(volume))
    found, costs = {}, {}
    for side in SIDES:
        labels = work / f"{side}.nii.gz"
        command = [sys.executable, "-m", "Testing.benchmarks.models.monai", "--side", side]
        costs[side] = measured([*command, str(bundle), str(volume), str(labels)])
        found[side] = sitk.GetArrayFromImage(sitk.ReadImage(str(labels)))
    differing = int(np.count_nonzero(found["ours"] != found["monai"]))
    return {
        "voxels": int(found["ours"].size),
        "differing": differing,
        "agreement": 1 - differing / found["ours"].size,
        "found": [int(count) for count in np.bincount(found["monai"].ravel(), minlength=3)],
        **costs,
    }


def configuration_of(name: str) -> dict[str, Any]:
    """Return the configuration of a bundle of the benchmark."""
    from Testing.Library.monai_bundles import configuration

    if name in NETWORKS:
        return configuration(name)
    network = {"spatial_dims": 3, "in_channels": 1, "out_channels": 3, **FULL_SIZE[name]}
    inferer = {
        "_target_": "SlidingWindowInferer",
        "roi_size": [96, 96, 96],
        "sw_batch_size": 4,
        "overlap": 0.5,
    }
    return configuration(network["_target_"], network_def=network, inferer=inferer)


def ours(bundle: Path, volume: Path, labels: Path) -> dict[str, float | None]:
    """Write the labels that our way finds with a bundle, and return its costs; adding the model is not counted."""
    import SimpleITK as sitk

    with tempfile.TemporaryDirectory() as folder:
        add = "from LiverTumorAttentionLib.conversion import ImportAnswers, add_any_model; from pathlib import Path; "
        add += f"add_any_model(Path({str(bundle)!r}), ImportAnswers(id='benchmark'))"
        environment = {**os.environ, "LIVER_TUMOR_ATTENTION_MODELS": folder}
        subprocess.run([sys.executable, "-c", add], check=True, env=environment)
        clock = Clock()
        from LiverTumorAttentionLib.inference import ImportedRun, choose_device
        from LiverTumorAttentionLib.inference.imported_stages import build_predictor
        from LiverTumorAttentionLib.io import read_volume
        from LiverTumorAttentionLib.models import ModelPackage
        from LiverTumorAttentionLib.progress import Progress
        from LiverTumorAttentionLib.voxels.geometry import from_lps, to_lps

        package = ModelPackage(Path(folder) / "benchmark")
        (stage,) = package.description.stages
        run = ImportedRun(mirror=False, everywhere=True, bfloat16=False)
        predictor = build_predictor(package, stage, choose_device("cpu"), "tumor", run)
        own = read_volume(volume)
        image = to_lps(own)
        found = sitk.GetImageFromArray(predictor.predict({"portal": image}, Progress()).labels)
        found.CopyInformation(image)
        sitk.WriteImage(sitk.Cast(from_lps(found, own), sitk.sitkUInt8), str(labels))
        return clock.read()


def monai(bundle: Path, volume: Path, labels: Path) -> dict[str, float | None]:
    """Write the labels that MONAI itself finds with a bundle, and return its costs."""
    import SimpleITK as sitk

    clock = Clock()
    from Testing.Library.monai_bundles import monai_labels

    image = sitk.ReadImage(str(volume), sitk.sitkFloat32)
    found = sitk.GetImageFromArray(monai_labels(bundle, image).astype("uint8"))
    found.CopyInformation(image)
    sitk.WriteImage(found, str(labels))
    return clock.read()


SIDES = {"ours": ours, "monai": monai}


def table(content: dict[str, Any]) -> str:
    """Return the results as a page."""
    lines = [
        "# Bundles of MONAI, here and in MONAI itself",
        "",
        f"`{content['command']}`, {content['volume']} voxels, {content['machine']}. Networks with drawn weights, tiny "
        "but for those of full size; ratios are ours to MONAI's, time is given for the processor and for the wall, "
        "which other programs on the machine lengthen. What differs are ties of the outputs, which rounding decides.",
        "",
        "| network | voxels that agree | differing | processor time | wall time | peak memory |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in content["rows"]:
        ratios = [
            row["ours"][key] / row["monai"][key] for key in ("processor_seconds", "seconds", "peak_gib")
        ]
        cells = [f"{100 * row['agreement']:.4f} %", str(row["differing"]), *(f"{r:.2f}" for r in ratios)]
        lines.append(f"| {row['network']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
