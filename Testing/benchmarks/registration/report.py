"""The tables of the benchmark: one line a method, one table a generator of pairs."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from Testing.benchmarks.networks import MOST_FOR_OTHERS
from Testing.benchmarks.registration.methods import METHODS, TUNED
from Testing.benchmarks.registration.pair_store import generator_of

Row = dict[str, Any]
TITLES = {
    "phantoms": "Generated phantoms, 256 x 256 x 96 voxels of 1.5 x 1.5 x 3 mm",
    "labels": "Painted label maps of real abdomens, with smooth and sliding motion",
    "large": "One large pair, 512 x 512 x 200 voxels of 0.75 x 0.75 x 1.5 mm: time and memory alone",
}
HEAD = (
    "method",
    "pairs",
    "failed",
    "TRE liver: mean, mm",
    "95 %, mm",
    "worst pair's mean, mm",
    "TRE branch points: mean, mm",
    "95 %, mm",
    "worst pair's mean, mm",
    "liver Dice",
    "folded voxels, %",
    "time, s",
    "processor time, s",
    "peak memory, GiB",
    "pairs made worse",
    "time / tuned elastix",
)
LARGE_HEAD = ("method", "failed", "time, s", "processor time, s", "peak memory, GiB", "time / tuned elastix")
NOTES = """TRE: target registration error, the distance between where a point is mapped to and where it truly
went; its mean and 95th percentile in the liver of the portal phase, or at the points where its vessels divide, are
averaged over the pairs. Folded voxels: share of those in the liver with a Jacobian determinant of 0 or less. A pair is
made worse where the mean error in the liver is larger than before and the method does not refuse its own result.
"before" is the pair as it is. Times are wall-clock times, without reading the files and loading the libraries.
""".replace("\n", " ").strip()


def write(path: Path, setting: Row, rows: Iterable[Row]) -> str:
    """Write registration.json and .md into a folder; return the tables."""
    rows = list(rows)
    text = "\n\n".join(tables(rows))
    heading = (
        f"# Registration and its peers\n\n`{setting['command']}` on {setting['cores']} cores, "
        f"{setting['processor']}; version {setting['version']}.\n\n{NOTES}\n\n"
    )
    path.mkdir(parents=True, exist_ok=True)
    contents = {
        "registration.json": json.dumps({**setting, "rows": [rounded(row) for row in rows]}, indent=2) + "\n",
        "registration.md": f"{heading}{text}\n",
    }
    for name, content in contents.items():
        partial = path / f"{name}.part"
        partial.write_text(content, encoding="utf-8")
        partial.replace(path / name)
    return text


def tables(rows: list[Row]) -> list[str]:
    """Return a table a generator, with its title above and what failed below."""
    found = []
    for generator, title in TITLES.items():
        own = [row for row in rows if generator_of(row["pair"]) == generator]
        if own:
            lines = large_lines(own) if generator == "large" else lines_of(own)
            found.append("\n".join([f"## {title}", "", *lines, *remarks(own)]))
    return found


def lines_of(rows: list[Row]) -> list[str]:
    """Return the table of one generator."""
    measured = [row for row in rows if "failed" not in row]
    lines = [f"| {' | '.join(HEAD)} |", "| --- |" + " ---: |" * (len(HEAD) - 1)]
    if measured:
        once = list({row["pair"]: row for row in measured}.values())
        cells = ["before", str(len(once)), "", *quality(once, "before"), *[""] * 6]
        lines.append(f"| {' | '.join(cells)} |")
    for name in ordered(rows):
        own = [row for row in rows if row["method"] == name]
        good = [row for row in own if "failed" not in row]
        cells = [METHODS[name].title, str(len(own)), str(len(own) - len(good)), *quality(good, "after")]
        cells += [
            number([100 * row["folded_share"] for row in good], 3),
            *costs(good, rows),
        ]
        cells.insert(-1, str(sum(is_worse(row) for row in good)))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def large_lines(rows: list[Row]) -> list[str]:
    """Return the table of the large pair."""
    lines = [f"| {' | '.join(LARGE_HEAD)} |", "| --- |" + " ---: |" * (len(LARGE_HEAD) - 1)]
    for name in ordered(rows):
        own = [row for row in rows if row["method"] == name]
        good = [row for row in own if "failed" not in row]
        cells = [METHODS[name].title, str(len(own) - len(good)), *costs(good, rows)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def quality(rows: list[Row], when: str) -> list[str]:
    """Return the errors in the liver and at branch points, and the overlap of the livers."""
    cells = []
    for place in ("tre", "branch"):
        means = [row[f"{place}_{when}_mean_mm"] for row in rows]
        cells += [
            number(means),
            number([row[f"{place}_{when}_p95_mm"] for row in rows]),
            number(means, 2, max),
        ]
    return [*cells, number([row[f"liver_dice_{when}"] for row in rows], 3)]


def costs(rows: list[Row], all_rows: list[Row]) -> list[str]:
    """Return wall and processor time, memory, and the ratio to tuned elastix on the pairs that both have done."""
    peer = {r["pair"]: r["seconds"] for r in all_rows if r["method"] == TUNED and "failed" not in r}
    both = [row for row in rows if row["pair"] in peer]
    ratio = sum(r["seconds"] for r in both) / sum(peer[r["pair"]] for r in both) if both else math.nan
    return [
        number([row["seconds"] for row in rows], 1),
        number([row["processor_seconds"] for row in rows], 1),
        number([row["peak_gib"] for row in rows], 2, max),
        number([ratio]),
    ]


def is_worse(row: Row) -> bool:
    """Whether the error has grown, in a result that is not refused."""
    refused = row.get("verdict", {}).get("grade") == "refused"
    return row["tre_after_mean_mm"] > row["tre_before_mean_mm"] and not refused


def remarks(rows: list[Row]) -> list[str]:
    """Return what failed, and what other programs may have slowed down."""
    lines = [
        f"- {row['pair']}, {METHODS[row['method']].title}: {row['failed']}" for row in rows if "failed" in row
    ]
    refused = [r["pair"] for r in rows if r.get("verdict", {}).get("grade") == "refused"]
    busy = sum((row.get("others") or 0.0) > MOST_FOR_OTHERS for row in rows)
    if refused:
        lines.append(f"- refused by our verdict: {', '.join(sorted(refused))}")
    if busy:
        lines.append(
            f"- other programs took more than {MOST_FOR_OTHERS:.0%} of the processors in {busy} of {len(rows)} runs"
        )
    return ["", *lines] if lines else []


def ordered(rows: list[Row]) -> list[str]:
    """Return the names of the methods that occur, in the order of `METHODS`."""
    return [name for name in METHODS if any(row["method"] == name for row in rows)]


def number(
    values: list[float], digits: int = 2, of: Callable[[list[float]], float] = statistics.fmean
) -> str:
    """Return the mean (or another number) of what is known of values; "-" where nothing is."""
    known = [v for v in values if not math.isnan(v)]
    return f"{of(known):.{digits}f}" if known else "-"


def rounded(value: Any) -> Any:
    """Return a row with its numbers cut to what they are worth, and null where there is none."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items() if k != "version"}
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value
