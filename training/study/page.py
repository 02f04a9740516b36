"""The page of the study, section by section, as Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np

from training.evaluation.columns import Row
from training.evaluation.discrimination import best_threshold
from training.study.crossed import POWER
from training.study.findings import (
    FEWEST_SEEDS,
    LEARNED_NOTHING,
    SMALL,
    Finding,
    findings,
    gains_by_type,
)
from training.study.kept_runs import KeptRun
from training.study.plan import (
    BOUNDARY,
    CASES,
    DPCNET,
    FIRST_SEED,
    PARESSEG,
    SEEDS,
    TRAININGS,
    Condition,
    Training,
    planned,
)
from training.tables.pooling import by_case, dice_of_all_voxels
from training.tables.scores import number
from training.tables.select import shows

CURVES = "learning-curves.png"


def readme(
    rows: Mapping[str, Sequence[Row]],
    with_tumor: Mapping[str, Sequence[Row]],
    runs: Mapping[str, KeptRun],
    others: Mapping[Condition, Mapping[str, Sequence[Row]]],
    pictures: Sequence[str] = (),
) -> str:
    """Return the report of the study as Markdown.

    rows, with_tumor: of each training, all test cases and those with tumor. others: rows of other conditions.
    pictures: paths below the results.
    """
    scores = {name: _case_scores(some) for name, some in with_tumor.items()}
    types = {row["case"]: row["tumor_type"] for some in with_tumor.values() for row in some}
    tested = len(types)
    parts = [_introduction(tested, len({row["case"] for some in rows.values() for row in some}) - tested)]
    done = len({(name, row["seed"]) for name, some in rows.items() for row in some})
    if done < len(planned()):
        parts.append(f"**Not finished: {done} of {len(planned())} trainings are scored so far.**")
    for title, family in (("PA-ResSeg and its fusion", PARESSEG), ("DPC-Net, Table 2", DPCNET)):
        members = [
            t for t in TRAININGS if t.name in rows and (t.name.startswith("dpcnet") == (family is DPCNET))
        ]
        if members:
            parts.append(_table(title, members, rows, with_tumor))
    parts.append(_failures({name: seed_means(some) for name, some in with_tumor.items()}))
    parts.append(_findings_table(findings(scores)))
    parts.append(_types({name: by_case(some, "tumor_dice") for name, some in with_tumor.items()}, types))
    parts += [_condition(condition, some, rows) for condition, some in others.items() if some]
    parts.append(_curves(runs))
    parts.append(_pictures(pictures))
    parts.append(_settings())
    return "\n\n".join(part for part in parts if part) + "\n"


def _case_scores(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Return the Dice of each case, of each seed."""
    seeds: dict[str, dict[str, float]] = {}
    for row in rows:
        dice = number(row, "tumor_dice")
        seeds.setdefault(row["seed"], {})[row["case"]] = math.nan if dice is None else dice
    return seeds


def _introduction(tested: int, healthy: int) -> str:
    most = max(len(training.seeds) for training in TRAININGS)
    return f"""# A study that ran

Which of the papers' findings hold on generated two-phase CT, with networks an eighth (PA-ResSeg) or a quarter (DPC-Net)
as wide as the papers' and minutes of training instead of days? This page, `tables/` (their tables with the published
numbers beside ours) and the curves are written by the last of these commands from what the others leave here: the
scores (`scores.csv`, beside it those of lesions and slices) and one row a training (`runs.csv`). Nothing was typed by
hand.

```
python -m training.study prepare
python -m training.study train --jobs 2
python -m training.study evaluate --jobs 2
python -m training.study figures
python -m training.study report
```

One cohort of {CASES} phantoms (seeds from {FIRST_SEED}, 2.1 to 2.4 mm pixels, 5.5 mm slices, one tumor type a case),
split once into training and test cases; {SEEDS} to {most} seeds a training. Scores are of {tested} test cases with
tumor; {healthy} without show how often something is found where nothing is. Not for clinical use: phantoms are not
patients, and these numbers say nothing of the papers' own data.

Losses, grids, seeds a training and the rule for a verdict were chosen after an earlier study on this very cohort, in
which a sixth of the trainings drew nothing and PA came out below DMP: what holds here has to be confirmed on another
one. While trainings are still being added, intervals and p values are looked at more than once."""


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
        "AUC: of the probability of tumor, over the liver's voxels. Best: mean Dice at the threshold that is best for "
        "a seed's test cases, which no one may choose so, and the mean of these thresholds: what is lost at one half. "
        "DG: Dice of all voxels of all test cases pooled. VOE: one less the Jaccard index. RVD: volume drawn over the "
        "true one, less one; the median of the cases, since one tumor of two voxels would decide the mean. TPR: share "
        "of the tumor's voxels. Found: share of lesions detected at 50 % overlap. False lesions: those that touch no "
        "true one, a case; and of the cases without tumor, with the share of these that stays clean.",
        "",
        "| training | seeds | each seed | DPC | ± seeds | AUC | best (at) | DG | VOE | RVD | TPR | found "
        "| false lesions | without tumor (clean) |",
        "| --- | ---: | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for training in members:
        some = with_tumor[training.name]
        each = list(seed_means(some).values())
        pooled = dice_of_all_voxels(rows[training.name], "tumor_")
        found = _total(some, "lesions_detected") / max(1.0, _total(some, "lesions_true"))
        cells = [
            training.name,
            f"{len(each)} of {len(training.seeds)}",
            ", ".join(f"{dice:.3f}" for dice in each),
            f"{np.mean(each):.3f}",
            f"{np.std(each, ddof=1):.3f}" if len(each) > 1 else "",
            _shown(_mean(some, "tumor_auc")),
            _best(some),
            "" if pooled is None else f"{pooled.mean:.3f}",
            _shown(_mean(some, "tumor_voe")),
            _shown(_median(some, "tumor_rvd")),
            _shown(_mean(some, "tumor_tpr")),
            f"{found:.3f}",
            f"{_total(rows[training.name], 'false_findings') / len(rows[training.name]):.2f}",
            _without_tumor([row for row in rows[training.name] if not shows_tumor(row)]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _best(rows: Sequence[Row]) -> str:
    """Return the mean Dice at the best threshold of each seed, and the mean of these thresholds."""
    found = [
        best_threshold([json.loads(row["tumor_dice_at"]) for row in rows if row["seed"] == seed])
        for seed in sorted({row["seed"] for row in rows if row["tumor_dice_at"]})
    ]
    if not found:
        return ""
    thresholds, dice = zip(*found, strict=True)
    return f"{np.mean(dice):.3f} ({np.mean(thresholds):.2f})"


def _without_tumor(rows: Sequence[Row]) -> str:
    """Return the false lesions a case without tumor, and the share of these cases that stays clean."""
    if not rows:
        return ""
    clean = sum(not number(row, "false_findings") for row in rows) / len(rows)
    return f"{_total(rows, 'false_findings') / len(rows):.2f} ({clean:.0%})"


def _failures(by_seed: Mapping[str, Mapping[str, float]]) -> str:
    """Return a warning about trainings that learned no tumor; no verdict rests on them."""
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
        f"{', '.join(failed)}. Their means above tell of luck more than of the network; the findings below leave out "
        "every pair that has one of them, and `tables/` leave them out."
    )


def _findings_table(found: Sequence[Finding]) -> str:
    lines = [
        "## What holds",
        "",
        "Difference: of DPC, the mean over the cases and over the seeds that both rows were trained with and in which "
        "both learned to draw tumors. Its 95 % interval is over cases and seeds, both drawn at random, as in studies "
        "of many readers and many cases (Dorfman, Berbaum and Metz, with Hillis's degrees of freedom; a seed is a "
        "reader): where it leaves out 0, a finding **holds** (or the contrary does) with other cases and other seeds "
        f"alike. It *does not show* where the interval ends below {SMALL:g}. All else is *not decided* here, and so is "
        f"what has fewer than {FEWEST_SEEDS} such seeds. Detectable: the true difference that would hold in "
        f"{POWER:.0%} of studies of so many seeds and cases, scattered like these. p: over the cases alone, each the "
        "mean over these seeds (paired t-test, as the papers test; Wilcoxon's beside it); no verdict rests on them. "
        "Nothing is corrected for the number of findings.",
        "",
        "| finding | where | seeds (for it) | difference | 95 % interval | detectable | p (t) | p (Wilcoxon) "
        "| here |",
        "| --- | --- | --- | ---: | --- | ---: | ---: | ---: | --- |",
    ]
    for finding in found:
        claim, test, crossed = finding.claim, finding.test, finding.crossed
        count = f"{len(finding.differences)} ({finding.seeds_for})"
        if finding.left_out:
            count += f", {finding.left_out} left out"
        cells = [
            claim.says,
            claim.where,
            count,
            "" if math.isnan(crossed.mean) else f"{crossed.mean:+.3f}",
            _interval(crossed.mean, crossed.half_width) if finding.decidable else "",
            _shown(crossed.detectable) if finding.decidable else "",
            _p(test.t_test_p),
            _p(test.wilcoxon_p),
            f"**{finding.verdict}**",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _interval(mean: float, half: float) -> str:
    return "" if math.isnan(half) else f"{mean - half:+.3f} to {mean + half:+.3f}"


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
        f"By type, **{verdict}**. This is no finding of the study: an FNH of these phantoms is made isodense in the "
        "portal phase, so that nothing but the arterial one can show it.",
        "",
        "| type | cases | single | msf-pa | gain |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {kind} | {count} | {one:.3f} | {both:.3f} | {both - one:+.3f} |"
        for kind, (one, both, count) in gains.items()
    ]
    return "\n".join(lines)


def _condition(
    condition: Condition, rows: Mapping[str, Sequence[Row]], usual: Mapping[str, Sequence[Row]]
) -> str:
    """Return the section of another condition, beside the same seeds under the usual one."""
    cases = {row["case"]: number(row, "lesions_true") or 0.0 for some in rows.values() for row in some}
    lines = [
        f"## {condition.title}",
        "",
        f"{condition.says} {len(cases)} cases with {sum(cases.values()):.0f} lesions.",
        "",
        "| training | seeds | DPC here | DPC above, same seeds | found | false lesions a case |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, some in rows.items():
        seeds = {row["seed"] for row in some}
        beside = [row for row in usual.get(name, ()) if row["seed"] in seeds and shows_tumor(row)]
        shown = [row for row in some if shows_tumor(row)]
        cells = [
            name,
            str(len(seeds)),
            _shown(_mean(shown, "tumor_dice")),
            _shown(_mean(beside, "tumor_dice")),
            _shown(_total(shown, "lesions_detected") / max(1.0, _total(shown, "lesions_true"))),
            f"{_total(some, 'false_findings') / len(some):.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _curves(runs: Mapping[str, KeptRun]) -> str:
    if not runs:
        return ""
    hours = sum(run.seconds for run in runs.values()) / 3600
    return f"""## Learning curves

![Loss over epochs of every training]({CURVES})

{len(runs)} trainings took {hours:.1f} hours of one core. `runs.csv` has the loss of every epoch, and what the attention
weighs at the end."""


def _pictures(pictures: Sequence[str]) -> str:
    """Return the section of pictures by training, as they were drawn; none without any."""
    if not pictures:
        return ""
    lines = [
        "## Pictures",
        "",
        "Of the first seed: the features before and after each attention block, the lesions by their size, and the "
        "test cases with the lowest Dice, with the outlines of what was found (planes) and its surface, colored by "
        "the distance to the true one.",
    ]
    for picture in pictures:
        _, training, name = picture.split("/")
        lines += [
            "",
            f"**{training}, {name.removesuffix('.png').replace('-', ' ')}**",
            "",
            f"![{training}: {name}]({picture})",
        ]
    return "\n".join(lines)


def _settings() -> str:
    """Return what the study sets in place of the papers, with the rows that differ from the others of their paper."""
    lines = ["## What differs from the papers' recipes", ""]
    told = {"PA-ResSeg": PARESSEG, "the row with the BE-loss, beside these": BOUNDARY, "DPC-Net": DPCNET}
    for title, settings in told.items():
        values = "; ".join(f"`{key}` {value}" for key, value in settings.items())
        lines.append(f"- {title}: {values}. Reasons stand in `training/study/plan.py`.")
    for training in TRAININGS:
        if training.prepared in ("none", "known"):
            lines.append(f"- {training.name}: `preparation.registration` {training.prepared}.")
    return "\n".join(lines)


def _mean(rows: Sequence[Row], column: str) -> float:
    """Return the mean over cases of the means over seeds; nan where nothing is defined."""
    values = [value for value in by_case(rows, column).values() if not math.isnan(value)]
    return float(np.mean(values)) if values else math.nan


def _median(rows: Sequence[Row], column: str) -> float:
    """Return the median over cases of the means over seeds; nan where nothing is defined."""
    values = [value for value in by_case(rows, column).values() if not math.isnan(value)]
    return float(np.median(values)) if values else math.nan


def _total(rows: Sequence[Row], column: str) -> float:
    return sum(number(row, column) or 0.0 for row in rows)


def _shown(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _p(value: float) -> str:
    return "" if math.isnan(value) else ("< 0.001" if value < 0.001 else f"{value:.3f}")


def shows_tumor(row: Row) -> bool:
    """Return whether the truth of a case holds a tumor."""
    return shows(row, "tumor")


def seed_means(rows: Sequence[Row]) -> dict[str, float]:
    """Return the mean Dice of the tumors of each seed."""
    seeds = sorted({row["seed"] for row in rows}, key=int)
    return {seed: _mean([row for row in rows if row["seed"] == seed], "tumor_dice") for seed in seeds}
