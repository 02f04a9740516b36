"""From the scores of the study to `training/results`: the papers' tables, what holds and what does not."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from LiverTumorAttentionLib.errors import InputError
from training.evaluation.columns import CASE_COLUMNS, LESION_COLUMNS, SLICE_COLUMNS, Row
from training.evaluation.score_files import lesions_path, read_rows, slices_path
from training.study.findings import Finding, findings, gains_by_type
from training.study.plan import CASES, DPCNET, FIRST_SEED, PARESSEG, SEEDS, TRAININGS, Training
from training.tables import write_tables
from training.tables.pooling import by_case, dice_of_all_voxels
from training.tables.scores import number
from training.tables.select import shows

SCORES = "scores.csv"
LEARNED_NOTHING = 0.01
"""A mean Dice below this is that of a network that draws no tumor."""
IN_PAPERS = [
    training.name for training in TRAININGS if not training.name.endswith(("unregistered", "true-field"))
]
"""What stands in the papers' tables; the others share a recipe with one of these."""


def write_report(folder: Path, results: Path) -> None:
    """Write scores.csv, the tables and README.md from the scores that are there.

    Raises `InputError` when nothing was scored.
    """
    rows = read_scores(folder / "scores", lambda path: path, CASE_COLUMNS)
    if not rows:
        raise InputError(f"there are no scores in {folder / 'scores'}: train and evaluate first")
    results.mkdir(parents=True, exist_ok=True)
    everything = [{"training": name, **row} for name, some in rows.items() for row in some]
    _write_csv(results / SCORES, everything, ("training", *CASE_COLUMNS))
    with_tumor = {name: [row for row in some if shows_tumor(row)] for name, some in rows.items()}
    papers = folder / "papers.csv"
    chosen = [row for name in IN_PAPERS for row in with_tumor.get(name, ())]
    _write_csv(papers, chosen, CASE_COLUMNS)
    for beside, columns in ((lesions_path, LESION_COLUMNS), (slices_path, SLICE_COLUMNS)):
        more = read_scores(folder / "scores", beside, columns)
        _write_csv(beside(papers), [row for name in IN_PAPERS for row in more.get(name, ())], columns)
    write_tables([papers], results / "tables")
    (results / "README.md").write_text(readme(rows, with_tumor), encoding="utf-8")


def read_scores(folder: Path, beside: Callable[[Path], Path], columns: Sequence[str]) -> dict[str, list[Row]]:
    """Return the rows of each training, all seeds together, in the order of the plan; runs by their folder's name.

    beside: from a file of cases to the one of its lesions or slices, or to itself.
    """
    rows: dict[str, list[Row]] = {}
    for training in TRAININGS:
        for seed in SEEDS:
            path = folder / f"{training.name}-{seed}.csv"
            if path.exists():
                for row in read_rows(beside(path), columns):
                    rows.setdefault(training.name, []).append(
                        {**row, "run": Path(row["run"]).name.partition(" ")[0]}
                    )
    return rows


def shows_tumor(row: Row) -> bool:
    """Return whether the truth of a case holds a tumor."""
    return shows(row, "tumor")


def seed_means(rows: Sequence[Row]) -> dict[str, float]:
    """Return the mean Dice of the tumors of each seed."""
    seeds = sorted({row["seed"] for row in rows})
    return {seed: _mean([row for row in rows if row["seed"] == seed], "tumor_dice") for seed in seeds}


def readme(rows: Mapping[str, Sequence[Row]], with_tumor: Mapping[str, Sequence[Row]]) -> str:
    """Return the report of the study as Markdown."""
    scores = {name: by_case(some, "tumor_dice") for name, some in with_tumor.items()}
    types = {row["case"]: row["tumor_type"] for some in with_tumor.values() for row in some}
    tested = len(types)
    parts = [_introduction(tested, len({row["case"] for some in rows.values() for row in some}) - tested)]
    done = len({(name, row["seed"]) for name, some in rows.items() for row in some})
    if done < len(TRAININGS) * len(SEEDS):
        parts.append(
            f"**Not finished: {done} of {len(TRAININGS) * len(SEEDS)} trainings are scored so far.**"
        )
    for title, family in (("PA-ResSeg and its fusion", PARESSEG), ("DPC-Net, Table 2", DPCNET)):
        members = [
            t for t in TRAININGS if t.name in rows and (t.name.startswith("dpcnet") == (family is DPCNET))
        ]
        if members:
            parts.append(_table(title, members, rows, with_tumor))
    by_seed = {name: seed_means(some) for name, some in with_tumor.items()}
    parts.append(_failures(by_seed))
    parts.append(_findings_table(findings(scores, by_seed)))
    parts.append(_types(scores, types))
    parts.append(_settings())
    return "\n\n".join(parts) + "\n"


def _introduction(tested: int, healthy: int) -> str:
    return f"""# A study that ran

Which of the papers' findings hold on generated two-phase CT, with networks an eighth (PA-ResSeg) or a quarter (DPC-Net)
as wide as the papers' and minutes of training instead of days? This page, `scores.csv` and `tables/` (their tables
with the published numbers beside ours) are written by the last of these commands from what the others leave; nothing
here was typed by hand.

```
python -m training.study prepare
python -m training.study train --jobs 2
python -m training.study evaluate --jobs 2
python -m training.study report
```

One cohort of {CASES} phantoms (seeds from {FIRST_SEED}, 2.1 to 2.4 mm pixels, 5.5 mm slices, one tumor type a case),
split once into training and test cases; {len(SEEDS)} seeds a training. Scores are of {tested} test cases with tumor;
{healthy} without show how often something is found where nothing is. Not for clinical use: phantoms are not patients,
and these numbers say nothing of the papers' own data."""


def _table(
    title: str,
    members: Sequence[Training],
    rows: Mapping[str, Sequence[Row]],
    with_tumor: Mapping[str, Sequence[Row]],
) -> str:
    lines = [
        f"## {title}",
        "",
        "DPC: mean Dice of the tumors a case, over seeds and cases, and of each seed; ±: their standard deviation. "
        "DG: Dice of all voxels pooled. Found: share of lesions detected at 50 % overlap.",
        "",
        "| training | each seed | DPC | ± seeds | DG | VOE | RVD | TPR | found | false lesions a case | liver Dice |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for training in members:
        some = with_tumor[training.name]
        each = list(seed_means(some).values())
        pooled = dice_of_all_voxels(some, "tumor_")
        found = _total(some, "lesions_detected") / max(1.0, _total(some, "lesions_true"))
        cells = [
            training.name,
            ", ".join(f"{dice:.3f}" for dice in each),
            f"{np.mean(each):.3f}",
            f"{np.std(each, ddof=1):.3f}" if len(each) > 1 else "",
            "" if pooled is None else f"{pooled.mean:.3f}",
            *(_shown(_mean(some, f"tumor_{name}")) for name in ("voe", "rvd", "tpr")),
            f"{found:.3f}",
            f"{_total(rows[training.name], 'false_findings') / len(rows[training.name]):.2f}",
            _shown(_mean(some, "liver_dice")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _failures(by_seed: Mapping[str, Mapping[str, float]]) -> str:
    """Return a warning about trainings that learned no tumor, whose means are dominated by chance."""
    failed = [
        f"{name} (seed {seed})"
        for name, means in by_seed.items()
        for seed, dice in means.items()
        if dice < LEARNED_NOTHING
    ]
    count = sum(len(means) for means in by_seed.values())
    if not failed:
        return f"All {count} trainings learned to find tumors (DPC of {LEARNED_NOTHING} or more)."
    return (
        f"**{len(failed)} of {count} trainings learned to find next to no tumor** (DPC below {LEARNED_NOTHING}): "
        f"{', '.join(failed)}. So few steps are not enough for every start; where one of them stands in a comparison, "
        "the mean tells of luck more than of the network."
    )


def _findings_table(found: Sequence[Finding]) -> str:
    lines = [
        "## What holds",
        "",
        "Each case's Dice is the mean over its seeds; a finding holds when the difference over the cases is positive "
        "with p < 0.05 (paired t-test, as the papers test; Wilcoxon's beside it; not corrected for their number) and "
        "every seed shows it. Seeds: with how many it comes out as the paper says.",
        "",
        "| finding | where | difference of DPC | p (t) | p (Wilcoxon) | seeds | here |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for finding in found:
        claim, test = finding.claim, finding.test
        lines.append(
            f"| {claim.says} | {claim.where} | {test.difference:+.3f} | {_p(test.t_test_p)} | {_p(test.wilcoxon_p)} "
            f"| {finding.seeds_for} of {len(finding.seeds)} | **{finding.verdict}** |"
        )
    return "\n".join(lines)


def _types(scores: Mapping[str, Mapping[str, float]], types: Mapping[str, str]) -> str:
    if "single" not in scores or "msf-pa" not in scores:
        return ""
    gains = gains_by_type(scores["msf-pa"], scores["single"], types)
    first = next(iter(gains), "")
    verdict = "FNH gains most here, too" if first == "FNH" else f"here {first} gains most, not FNH"
    lines = [
        "## Is FNH what two phases rescue?",
        "",
        "PA-ResSeg's Tables 8 and 11: FNH is isodense in the portal phase and gains most (39.62 to 73.13). "
        f"By type, **{verdict}**.",
        "",
        "| type | cases | single | msf-pa | gain |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {kind} | {count} | {one:.3f} | {both:.3f} | {both - one:+.3f} |"
        for kind, (one, both, count) in gains.items()
    ]
    return "\n".join(lines)


def _settings() -> str:
    lines = ["## What differs from the papers' recipes", ""]
    for title, settings in (("PA-ResSeg", PARESSEG), ("DPC-Net", DPCNET)):
        values = "; ".join(f"`{key}` {value}" for key, value in settings.items())
        lines.append(f"- {title}: {values}. Reasons stand in `training/study/plan.py`.")
    return "\n".join(lines)


def _mean(rows: Sequence[Row], column: str) -> float:
    """Return the mean over cases of the means over seeds; nan where nothing is defined."""
    values = [value for value in by_case(rows, column).values() if not math.isnan(value)]
    return float(np.mean(values)) if values else math.nan


def _total(rows: Sequence[Row], column: str) -> float:
    return sum(number(row, column) or 0.0 for row in rows)


def _shown(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _p(value: float) -> str:
    return "" if math.isnan(value) else ("< 0.001" if value < 0.001 else f"{value:.3f}")


def _write_csv(path: Path, rows: Sequence[Row], columns: Sequence[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
