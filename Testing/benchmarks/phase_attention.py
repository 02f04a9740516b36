"""How sharp PA-ResSeg's attention should be: its scales on random maps and after training, by sharpness.

    python -m Testing.benchmarks.phase_attention --work build/phase-attention --output Testing/benchmarks/results

The paper prints sums over positions, which change with the size of the map; ours are a number, the sharpness, times
the mean (`LiverTumorAttentionLib/networks/phase_attention.py`). Random maps: white noise and smooth blobs behind a
ReLU, as the maps that the block sees are. Trainings: narrow networks on small phantoms, the same seeds for each
sharpness, their scales from attention.csv of the run, Dice of the tumor on phantoms that were not trained on, within
the true liver. What is in the work folder is not made again. Half an hour of one core.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch.nn import functional

from LiverTumorAttentionLib.networks.phase_attention import InterPhaseAttention

SUMS = "sums"
"""The sums that the paper prints: a sharpness of as many as there are positions."""
SHARPNESS: tuple[float | str, ...] = (1, 4, 16, 64, SUMS)
SIDES, CHANNELS, DRAWS = (224, 28, 7), 16, 10
COLLAPSED = 0.05
"""Mean Dice below which a training has found next to nothing."""
TRAINED: tuple[float | str, ...] = (1, 4, 16, "learned")
SEEDS = (0, 1, 2)
SHIPPED_ON = (100000, 100001, 100002)
COHORT = ("--count", "24", "--matrix", "96", "--slices", "14", "--thickness", "8", "--processes", "1")
RECIPE = "paresseg/table4-msf-pa"
SETTINGS: Mapping[str, object] = {
    "stage.arguments.width": 8,
    "stage.slices.tile": "[64,64]",
    "sampling.foreground_share": 0.66,
    "sampling.samples_an_epoch": 200,  # 25 steps
    "schedule.epochs": 12,
    "schedule.kind": "cosine",
    "optimizer.learning_rate": 0.002,
    "loss.kind": "ce_dice",
    "split.kind": "hold-out",
    "split.test_share": 0.34,
    "loop.validation_share": 0.0,
}


def main() -> None:
    """Measure, train what is missing, and write phase-attention.md."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", required=True, type=Path, help="folder for cohort and runs")
    parser.add_argument("--output", required=True, type=Path, help="folder for the table")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    maps = on_random_maps()
    rows = [trained(options.work, sharpness, seed) for sharpness in TRAINED for seed in SEEDS]
    text = "\n".join(
        [
            "# How sharp PA-ResSeg's attention is",
            "",
            "`python -m Testing.benchmarks.phase_attention --work build/phase-attention "
            "--output Testing/benchmarks/results`. s are the scales of Inter-PA (Eq. 3): between 0.5 and 1, "
            "0.731 where a channel is neither preferred nor not.",
            "",
            *maps_table(maps),
            "",
            *shipped_table(shipped(options.work)),
            "",
            *trained_table(rows),
            "",
        ]
    )
    (options.output / "phase-attention.md").write_text(text, encoding="utf-8")
    print(text)


# ----------------------------------------------------------------- random maps


def random_maps(kind: str, side: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return arterial and portal maps, (1, CHANNELS, side, side), behind a ReLU, correlated by 0.8 before it."""
    generator = torch.Generator().manual_seed(seed)

    def drawn() -> torch.Tensor:
        coarse = side if kind == "noise" else max(side // 8, 2)
        maps = torch.randn(1, CHANNELS, coarse, coarse, generator=generator)
        return functional.interpolate(maps, size=(side, side), mode="bilinear")

    portal = drawn()
    return (0.8 * portal + 0.6 * drawn()).relu(), portal.relu()


def on_random_maps() -> Iterator[tuple[str, int, float | str, float, float, float]]:
    """Yield (kind, side, sharpness, mean spread of s over the channels, largest x, length of the gradient)."""
    for kind in ("noise", "blobs"):
        for side in SIDES:
            for sharpness in SHARPNESS:
                spread, largest, length = [], [], []
                for seed in range(DRAWS):
                    arterial, portal = random_maps(kind, side, seed)
                    arterial.requires_grad_()
                    number = side * side if sharpness == SUMS else float(sharpness)
                    module = InterPhaseAttention(number)
                    scales = module.scales(arterial, portal)
                    products = module.similarities(arterial.flatten(2), portal.flatten(2))
                    direction = torch.randn(scales.shape, generator=torch.Generator().manual_seed(seed))
                    (scales * direction).sum().backward()
                    assert arterial.grad is not None
                    spread.append(float(scales.detach().std()))
                    largest.append(float(products.detach().softmax(1).max()))
                    length.append(float(arterial.grad.norm()) * side)  # of maps whose values are of size 1
                means = (statistics.mean(spread), max(largest), statistics.mean(length))
                yield (kind, side, sharpness, *means)


def maps_table(rows: Iterator[tuple[str, int, float | str, float, float, float]]) -> list[str]:
    """Return the table of the random maps."""
    lines = [
        f"## Random maps, {CHANNELS} channels, {DRAWS} draws",
        "",
        "| maps | side | sharpness | spread of s | largest x | gradient of s |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind, side, sharpness, spread, largest, length in rows:
        lines.append(f"| {kind} | {side} | {sharpness} | {spread:.3f} | {largest:.3f} | {length:.2g} |")
    return lines


# ----------------------------------------------------------------- the model that ships


def shipped(work: Path) -> list[tuple[int, list[list[float]]]]:
    """Return, by level, the scales of the model that ships on some phantoms: (level, channels of each piece)."""
    levels: dict[int, list[list[float]]] = {}
    for number in SHIPPED_ON:
        case, folder = work / "cohort" / f"phantom-{number}", work / "shipped" / str(number)
        if not folder.exists():
            folder.parent.mkdir(exist_ok=True)
            words = [
                "--portal",
                case / "portal.nii.gz",
                "--arterial",
                case / "arterial.nii.gz",
                "--device",
                "cpu",
            ]
            words += ["--output", work / "shipped" / f"{number}.seg.nrrd", "--save-attention", folder]
            _call_program("LiverTumorAttentionLib", "segment", *words)
        vectors = json.loads((folder / "attention.json").read_text(encoding="utf-8"))["vectors"]
        for name, vector in vectors.items():
            level = int(name.split(".")[1])
            levels.setdefault(level, []).extend(piece["weights"] for piece in vector["pieces"])
    return sorted(levels.items())


def shipped_table(levels: list[tuple[int, list[list[float]]]]) -> list[str]:
    """Return the table of the model that ships."""
    lines = [
        "## The tumor network that ships (width 16, trained with sharpness 16)",
        "",
        f"By `segment --save-attention` on phantoms {', '.join(map(str, SHIPPED_ON))} of the same cohort, both phases.",
        "",
        "| level | channels | spread of s over channels | lowest s | highest s | spread of a channel over slices |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for level, pieces in levels:
        over_channels = statistics.mean(statistics.pstdev(piece) for piece in pieces)
        over_slices = statistics.mean(statistics.pstdev(channel) for channel in zip(*pieces, strict=True))
        values = [value for piece in pieces for value in piece]
        lines.append(
            f"| {level} | {len(pieces[0])} | {over_channels:.3f} | {min(values):.3f} | {max(values):.3f} "
            f"| {over_slices:.3f} |"
        )
    return lines


# ----------------------------------------------------------------- trainings


def trained(work: Path, sharpness: float | str, seed: int) -> dict[str, float | str]:
    """Train and score one network unless that was done; return its row."""
    name = f"{sharpness}-{seed}"
    run, scores = work / "runs" / name, work / "scores" / f"{name}.csv"
    recipe = ["--recipe", RECIPE]
    for key, value in {**SETTINGS, "stage.arguments.sharpness": sharpness}.items():
        recipe += ["--set", f"{key}={value}"]
    cohort, prepared = work / "cohort", work / "prepared"
    scores.parent.mkdir(exist_ok=True)
    _call("phantoms", *COHORT, "--output", cohort)
    _call("prepare", "--layout", "plain", "--data", cohort, *recipe, "--processes", "1", "--output", prepared)
    _call("train", *recipe, "--prepared", prepared, "--seed", seed, "--device", "cpu", "--output", run)
    _call("evaluate", "--run", run, "--device", "cpu", "--output", scores)
    with (run / "attention.csv").open(encoding="utf-8") as file:
        *_, last = csv.DictReader(file)
    with scores.open(encoding="utf-8") as file:
        cases = [
            float(row["tumor_dice"])
            for row in csv.DictReader(file)
            if row["tumor_empty"] not in ("truth", "both")
        ]
    spreads = [float(last[f"fusions.{level}.inter sd"]) for level in range(6)]
    gammas = [abs(float(last[f"fusions.{level}.intra.gamma"])) for level in range(6)]
    learned = [last.get(f"fusions.{level}.inter.log_sharpness") for level in range(6)]
    return {
        "sharpness": sharpness,
        "seed": seed,
        "dice": statistics.mean(cases),
        "cases": len(cases),
        "spread": statistics.mean(spreads),
        "widest": max(spreads),
        "lowest": min(float(last[f"fusions.{level}.inter lowest"]) for level in range(6)),
        "highest": max(float(last[f"fusions.{level}.inter highest"]) for level in range(6)),
        "gamma": statistics.mean(gammas),
        "learned": ", ".join(f"{math.exp(float(value)):.1f}" for value in learned if value),
    }


def _call(command: str, *options: object) -> None:
    """Run a command of `python -m training`."""
    _call_program("training", command, *options)


def _call_program(module: str, *options: object) -> None:
    """Run a program of ours with one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"}
    words = [sys.executable, "-m", module, *map(str, options)]
    subprocess.run(words, env=environment, check=True, stdout=subprocess.DEVNULL)


def trained_table(rows: list[dict[str, float | str]]) -> list[str]:
    """Return the table of the trainings, and their means by sharpness."""
    changed = "; ".join(f"`{key}` {value}" for key, value in SETTINGS.items())
    lines = [
        f"## After training, `{RECIPE}`, {len(SEEDS)} seeds",
        "",
        f"Settings: {changed}. Phantoms: `{' '.join(COHORT)}`. Spread: standard deviation of s over channels and "
        "samples, mean over the six levels. γ: of Intra-PA, which starts at 0, mean size over the levels.",
        "",
        "| sharpness | seed | Dice, tumor | cases | spread of s | widest level | lowest s | highest s | γ "
        "| learned, by level |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in rows:
        figures = " | ".join(f"{row[key]:.3f}" for key in ("spread", "widest", "lowest", "highest", "gamma"))
        first = f"| {row['sharpness']} | {row['seed']} | {row['dice']:.3f} | {row['cases']}"
        lines.append(f"{first} | {figures} | {row['learned']} |")
    lines += [
        "",
        "| sharpness | mean Dice | over seeds, from and to | spread of s |",
        "| ---: | ---: | --- | ---: |",
    ]
    for sharpness in TRAINED:
        dice = [float(row["dice"]) for row in rows if row["sharpness"] == sharpness]
        spread = statistics.mean(float(row["spread"]) for row in rows if row["sharpness"] == sharpness)
        lines.append(
            f"| {sharpness} | {statistics.mean(dice):.3f} | {min(dice):.3f} to {max(dice):.3f} | {spread:.3f} |"
        )
    seeds = sorted({int(row["seed"]) for row in rows})
    sound = [seed for seed in seeds if min(float(r["dice"]) for r in rows if r["seed"] == seed) >= COLLAPSED]
    collapsed = sum(float(row["dice"]) < COLLAPSED for row in rows)
    lines += [
        "",
        f"{collapsed} of {len(rows)} trainings found next to nothing (Dice below {COLLAPSED}) on so short a schedule. "
        f"Seeds on which none did: {', '.join(map(str, sound)) or 'none'}. The Dice says nothing for or against a "
        "sharpness unless there are several such seeds; the scales do.",
    ]
    return lines


if __name__ == "__main__":
    main()
