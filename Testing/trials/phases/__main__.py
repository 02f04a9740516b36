"""Which phase is recognized, over generated volumes of every phase and the real ones at hand.

    python -m Testing.trials.phases --patients 20 --data ../shared/data --output Testing/trials/results

Each generated patient has five phases, each as generated and in slabs of a few slices; the first ones also with noise,
in thick slices and in parts. Every volume is judged by its voxels alone, without its name and without the liver stage,
and given to the check of a run as what it is: it must not be refused. Then portal and late arterial volume are given to
it, the right way round and swapped, and all other pairs of phases of the slabs as portal and arterial volume. Slabs are
cut out of the real pairs, too. The real volumes are reported, and nothing is set by them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import SimpleITK as sitk

from LiverTumorAttentionLib.contrast_phase import CONTRAST_PHASES, LATE_ARTERIAL, PORTAL, role_of
from LiverTumorAttentionLib.errors import PhaseMismatch
from LiverTumorAttentionLib.io import read_volume
from LiverTumorAttentionLib.phases.estimate import CLEAR, PhaseEstimate, estimate_phase
from LiverTumorAttentionLib.pipeline.phase_check import TOLERATED, check_phases, compare_pair
from Testing.trials.phases.generated import FIRST_SEED, SLABS_MM, make_patient, slabs, variants

REAL = {
    "hcc-tace-007/HCC007_pre_AP.nii.gz": "arterial",
    "hcc-tace-007/HCC007_pre_PV.nii.gz": "portal",
    "hcc-tace-007/HCC007_post_AP.nii.gz": "arterial",
    "hcc-tace-007/HCC007_post_PV.nii.gz": "portal",
    "totalsegmentator-example/ct.nii.gz": "native",
    "totalsegmentator-example/dicom": "with contrast, phase not known",
    "real-backgrounds/TCGA-AY-4070A_pv.nii.gz": "portal",
    "real-backgrounds/C3L-00189_pv.nii.gz": "portal",
    "real-backgrounds/LIDC-IDRI-0001_ap.nii.gz": "arterial",
    "real-backgrounds/LIDC-IDRI-0050_ap.nii.gz": "arterial (late, with portal inflow)",
    "real-backgrounds/amos_0013_ap_slab.nii.gz": "arterial",
}
ANSWERS = ("used", "used with a warning", "asked")
PAIRS = (("hcc-tace-007/HCC007_pre", "before TACE"), ("hcc-tace-007/HCC007_post", "after TACE"))


Seen = tuple[sitk.Image, PhaseEstimate]
"""A volume and what it tells by itself."""


def answer(portal: Seen, arterial: Seen) -> str:
    """Return what a run does with two volumes: "used", "used with a warning" or "asked"."""
    images = {"portal": portal[0], "arterial": arterial[0]}
    estimates = {"portal": portal[1], "arterial": arterial[1]}
    compared = compare_pair(images, {}, estimates)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            check_phases(estimates, compared)
        except PhaseMismatch:
            return "asked"
    return "used with a warning" if caught else "used"


ALL_VARIANTS = 7
"""Patients with all variants; the others have the volume as generated, and slabs."""
NOT_KNOWN = "not known"


def refused(phase: str, estimate: PhaseEstimate) -> bool:
    """Return whether a volume contradicts what it is, so that a run would ask about it."""
    return sum(estimate.probabilities[each] for each in TOLERATED[role_of(phase)]) <= 1 - CLEAR


def volumes(image: sitk.Image, seed: int) -> list[tuple[str, sitk.Image]]:
    """Return the variants of a volume of a patient."""
    made = list(variants(image, seed))
    return [*(made if seed < FIRST_SEED + ALL_VARIANTS else made[:1]), *slabs(image, seed)]


def generated(patients: int, scratch: Path) -> dict[str, object]:
    """Return the counts over generated volumes."""
    confusion: Counter[tuple[str, str]] = Counter()
    by_variant: dict[str, Counter[str]] = {}
    right_way: Counter[tuple[str, str]] = Counter()
    swapped: Counter[tuple[str, str]] = Counter()
    other_pairs: Counter[tuple[str, str]] = Counter()
    portal_or_arterial: Counter[str] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + patients):
        make_patient(seed, scratch / str(seed))
        found: dict[str, dict[str, Seen]] = {}
        for phase in CONTRAST_PHASES:
            image = sitk.ReadImage(str(scratch / str(seed) / f"{phase}.nii.gz"))
            for name, variant in volumes(image, seed):
                estimate = estimate_phase(variant)
                found.setdefault(name, {})[phase] = variant, estimate
                known = estimate.is_known
                confusion[phase, estimate.phase if known else NOT_KNOWN] += 1
                told = by_variant.setdefault(name, Counter())
                told["volumes"] += 1
                told[NOT_KNOWN] += not known
                told["right phase"] += known and estimate.phase == phase
                told["right input"] += known and estimate.role == role_of(phase)
                told["refused"] += refused(phase, estimate)
                if not known:
                    continue
                if role_of(phase) in ("portal", "arterial"):
                    brighter = "portal" if estimate.fits("portal") > estimate.fits("arterial") else "arterial"
                    portal_or_arterial["right" if brighter == role_of(phase) else "wrong"] += 1
        for name, seen in found.items():
            kind = "slabs" if name.startswith("slab") else "whole"
            right_way[kind, answer(seen[PORTAL], seen[LATE_ARTERIAL])] += 1
            swapped[kind, answer(seen[LATE_ARTERIAL], seen[PORTAL])] += 1
            if kind == "slabs":
                for given, taken in itertools.permutations(CONTRAST_PHASES, 2):
                    other_pairs[f"{given}, {taken}", answer(seen[given], seen[taken])] += 1
        print(seed, dict(portal_or_arterial), "swapped:", dict(swapped), flush=True)
    return {
        "patients": patients,
        "volumes": sum(confusion.values()),
        "confusion": {
            phase: {other: confusion[phase, other] for other in (*CONTRAST_PHASES, NOT_KNOWN)}
            for phase in CONTRAST_PHASES
        },
        "by_variant": {name: dict(counts) for name, counts in by_variant.items()},
        "portal_against_arterial": dict(portal_or_arterial),
        **{
            name: {kind: {told: counts[kind, told] for told in ANSWERS} for kind in ("whole", "slabs")}
            for name, counts in (("right_way_round", right_way), ("swapped", swapped))
        },
        "pairs_of_slabs": {
            pair: {told: other_pairs[pair, told] for told in ANSWERS} for pair, _ in sorted(other_pairs)
        },
    }


def real(data: Path) -> dict[str, object]:
    """Return what is seen in the real volumes."""
    seen: dict[str, Seen] = {}
    rows = {}
    for name, truth in REAL.items():
        if not (data / name).exists():
            continue
        image = read_volume(data / name)
        estimate = estimate_phase(image)
        seen[name] = image, estimate
        rows[name] = {"truth": truth, **estimate.to_dict()}
    pairs = {}
    for start, title in PAIRS:
        if f"{start}_AP.nii.gz" in seen:
            portal, arterial = seen[f"{start}_PV.nii.gz"], seen[f"{start}_AP.nii.gz"]
            pairs[title] = {"right way round": answer(portal, arterial), "swapped": answer(arterial, portal)}
            pairs |= real_slabs(title, portal[0], arterial[0])
    return {"volumes": rows, "pairs": pairs}


def real_slabs(title: str, portal: sitk.Image, arterial: sitk.Image) -> dict[str, dict[str, str]]:
    """Return what a run does with slabs of a pair, one after the other along the body."""
    out = {}
    low = max(image.GetOrigin()[2] for image in (portal, arterial))
    high = min(
        image.GetOrigin()[2] + image.GetSize()[2] * image.GetSpacing()[2] for image in (portal, arterial)
    )
    for length_mm in SLABS_MM:
        bottom = low
        while bottom + length_mm <= high:
            cut = [_slab(image, bottom, length_mm) for image in (portal, arterial)]
            first, second = ((image, estimate_phase(image)) for image in cut)
            name = f"{title}, {length_mm:.0f} mm from {bottom - low:.0f} mm on"
            out[name] = {"right way round": answer(first, second), "swapped": answer(second, first)}
            bottom += length_mm
    return out


def _slab(image: sitk.Image, bottom_mm: float, length_mm: float) -> sitk.Image:
    step = image.GetSpacing()[2]
    start = round((bottom_mm - image.GetOrigin()[2]) / step)
    return image[:, :, start : start + round(length_mm / step)]


def table(results: dict[str, dict]) -> str:
    """Return the results as Markdown."""
    made, seen = results["generated"], results["real"]
    lines = [
        "# Contrast phases",
        "",
        f"`{results['command']}`",
        "",
        f"{made['volumes']} generated volumes of {made['patients']} patients in five phases, by their voxels alone:",
        "",
        "| phase | " + " | ".join((*CONTRAST_PHASES, NOT_KNOWN)) + " |",
        "| --- |" + " ---: |" * (len(CONTRAST_PHASES) + 1),
    ]
    lines += [
        f"| {phase} | " + " | ".join(str(row[other]) for other in (*CONTRAST_PHASES, NOT_KNOWN)) + " |"
        for phase, row in made["confusion"].items()
    ]
    lines += ["", "| volumes | number | not known | right phase | right input | refused as what they are |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {name} | {row['volumes']} | {row[NOT_KNOWN]} | {100 * row['right phase'] / row['volumes']:.1f} % | "
        f"{100 * row['right input'] / row['volumes']:.1f} % | {row['refused']} |"
        for name, row in made["by_variant"].items()
    ]
    both = made["portal_against_arterial"]
    total = sum(both.values())
    lines += ["", f"Portal against arterial, where a phase is told: {both.get('right', 0)} of {total} right "]
    lines[-1] += f"({100 * both.get('right', 0) / total:.1f} %)."
    lines += ["", "| portal and late arterial volume of a run | used | used with a warning | asked |"]
    lines += ["| --- | ---: | ---: | ---: |"]
    for kind, words in (("whole", "larger volumes"), ("slabs", "slabs")):
        for name in ("right_way_round", "swapped"):
            cells = " | ".join(str(made[name][kind][told]) for told in ANSWERS)
            lines.append(f"| {words}, {name.replace('_', ' ')} | {cells} |")
    lines += ["", "| slabs given as portal, arterial volume | used | used with a warning | asked |"]
    lines += ["| --- | ---: | ---: | ---: |"]
    lines += [
        f"| {pair} | " + " | ".join(str(counts[told]) for told in ANSWERS) + " |"
        for pair, counts in made["pairs_of_slabs"].items()
    ]
    lines += ["", "| real volume | is | seen as | confidence | HU |", "| --- | --- | --- | ---: | --- |"]
    lines += [
        f"| {name} | {row['truth']} | {row['phase'] or NOT_KNOWN} | {row['confidence']:.2f} | "
        + ", ".join(f"{key} {value}" for key, value in row["hu"].items() if "spread" not in key)
        + " |"
        for name, row in seen["volumes"].items()
    ]
    lines += ["", "| real pair | right way round | swapped |", "| --- | --- | --- |"]
    lines += [
        f"| {name} | {row['right way round']} | {row['swapped']} |" for name, row in seen["pairs"].items()
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the trial and write its results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=20)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--scratch", type=Path, help="where generated volumes are kept, to resume")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    command = f"python -m Testing.trials.phases --patients {options.patients}"
    with tempfile.TemporaryDirectory(prefix="lta-phases-") as folder:
        results = {
            "command": command,
            "generated": generated(options.patients, options.scratch or Path(folder)),
            "real": real(options.data),
        }
    (options.output / "phases.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (options.output / "phases.md").write_text(table(results), encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
