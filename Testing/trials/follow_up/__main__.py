"""Which pairs of lesions are found over two generated time points, and whether wrong ones are marked.

    python -m Testing.trials.follow_up --patients 16 --scratch build/follow-up --output Testing/trials/results

Every patient moves by 25 mm between both, and has lesions that grew, shrank, came, went, split, merged, and new ones
beside others; every fourth patient lacks a part of the liver at the follow-up. `compare` gets files, as a user gives
them. A row of its table is right when baseline, follow-up and status are those of the truth; a wrong row counts as
marked when it is uncertain. `--first-seed` chooses other patients than those of the results.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib import __version__
from LiverTumorAttentionLib.io import write_image, write_segmentation
from LiverTumorAttentionLib.pipeline import compare_cases
from LiverTumorAttentionLib.pipeline.jobs import ComparisonJob
from Testing.trials.follow_up.generated import MOTION_MM, make_visits

FIRST_SEED = 81000
RESECTED_EVERY = 4


def tried(seed: int, folder: Path, *, resected: bool) -> dict[str, Any]:
    """Return what `compare` tells of one patient against the truth."""
    visits = make_visits(seed, resected=resected)
    paths = {}
    for name, portal, instances in zip(
        ("baseline", "followup"), visits.portal, visits.instances, strict=True
    ):
        paths |= {f"{name}_portal": str(folder / f"{name}.nii.gz"), name: str(folder / f"{name}.seg.nrrd")}
        write_image(folder / f"{name}.nii.gz", portal, level=1)
        write_segmentation(folder / f"{name}.seg.nrrd", instances)
    cases = compare_cases(ComparisonJob(**paths, json=str(folder / "numbers.json")))
    told = {
        (row["baseline"], row["followup"], row["status"]): row["uncertain"]
        for row in (pair.as_dict() for pair in cases.comparison.pairs)
    }
    verdict = cases.registration.verdict
    return {
        "seed": seed,
        "resected": resected,
        "grade": verdict.grade,
        "reason": verdict.reason,
        "place_sd_mm": round(cases.place_sd_mm, 2),
        "true": [[*row, change] for row, change in visits.rows.items()],
        "told": [[*row, uncertain] for row, uncertain in told.items()],
    }


def counted(patients: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the counts over patients: true rows found, by change; rows told that are wrong, marked or not."""
    by_change: dict[str, Counter[str]] = {}
    wrong, marked, right_marked, rows = 0, 0, 0, 0
    for patient in patients:
        true = {tuple(row[:3]): row[3] for row in patient["true"]}
        told = {tuple(row[:3]): row[3] for row in patient["told"]}
        for row, change in true.items():
            here = by_change.setdefault(change, Counter())
            here["rows"] += 1
            here["right"] += row in told
            here["right and marked"] += bool(told.get(row))
        for row, uncertain in told.items():
            rows += 1
            if row not in true:
                wrong += 1
                marked += bool(uncertain)
            else:
                right_marked += bool(uncertain)
    total = sum(here["rows"] for here in by_change.values())
    right = sum(here["right"] for here in by_change.values())
    return {
        "true rows": total,
        "found": right,
        "share found": round(right / total, 4) if total else None,
        "rows told": rows,
        "wrong": wrong,
        "wrong and not marked": wrong - marked,
        "right but marked": right_marked,
        "by change": {change: dict(here) for change, here in sorted(by_change.items())},
    }


def page(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    total = results["counts"]
    unmarked = total["wrong and not marked"]
    lines = [
        "# Pairs over two time points",
        "",
        f"`make follow-up`, version {results['version']}: {len(results['patients'])} generated patients from seed "
        f"{results['first_seed']}, motion of {MOTION_MM:g} mm, "
        f"{sum(patient['resected'] for patient in results['patients'])} of them with a part of the liver missing.",
        "",
        f"- rows of the truth: {total['true rows']}; found: {total['found']} ({100 * total['share found']:.1f} %)",
        f"- rows told that are wrong: {total['wrong']}, of them not marked as uncertain: {unmarked}",
        f"- right rows that are marked as uncertain all the same: {total['right but marked']} of {total['found']}",
        "",
        "| what became of it | rows | right | right, but marked |",
        "| --- | --- | --- | --- |",
    ]
    for change, here in total["by change"].items():
        lines.append(
            f"| {change} | {here['rows']} | {here.get('right', 0)} | {here.get('right and marked', 0)} |"
        )
    lines += [
        "",
        "| seed | part missing | registration | sd of a place, mm | wrong rows |",
        "| --- | --- | --- | --- | --- |",
    ]
    for patient in results["patients"]:
        true = {tuple(row[:3]) for row in patient["true"]}
        wrong = [row for row in patient["told"] if tuple(row[:3]) not in true]
        told = (
            "; ".join(f"{a or '–'}→{b or '–'} {s}{' (marked)' if u else ''}" for a, b, s, u in wrong)
            or "none"
        )
        missing = "yes" if patient["resected"] else ""
        lines.append(
            f"| {patient['seed']} | {missing} | {patient['grade']} | {patient['place_sd_mm']} | {told} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Try, and write results as JSON and Markdown after every patient."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=16)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    patients: list[dict[str, Any]] = []
    for number in range(options.patients):
        patient = tried(
            options.first_seed + number,
            options.scratch,
            resected=number % RESECTED_EVERY == RESECTED_EVERY - 1,
        )
        patients.append(patient)
        results = {
            "version": __version__,
            "first_seed": options.first_seed,
            "counts": counted(patients),
            "patients": patients,
        }
        text = json.dumps(results, indent=1, ensure_ascii=False)
        (options.output / "follow_up.json").write_text(text + "\n", encoding="utf-8")
        (options.output / "follow_up.md").write_text(page(results), encoding="utf-8")
        print(patient["seed"], patient["grade"], results["counts"], flush=True)


if __name__ == "__main__":
    main()
