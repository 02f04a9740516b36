"""The tables of the benchmark, and all its trials."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from LiverTumorAttentionLib.io.atomic_write import replacing
from Testing.benchmarks.interaction.counting import Count, Row, clicks_to, count
from Testing.benchmarks.interaction.user import ENOUGH, MOST_CLICKS
from Testing.benchmarks.networks import MOST_FOR_OTHERS

NAME = "interaction"
"""Of the files."""
AIMS = (0.8, 0.85, 0.9)
AIM = 0.85
WITH_MODEL = "click network"
"""The tool that a model that answers clicks adds."""
TITLES = {"nothing": "From a missed lesion", "network": "From the network's mask"}
AIMED_CLICKS = {"nothing": 3, "network": 2}
AIMED_SECONDS = {"median": 0.3, "95th percentile": 0.6}
CLICKS = ("add", "include", "exclude")
PIXELS = {"small": "160 x 160 pixels", "full": "512 x 512 pixels"}
NOTES = f"""Synthetic volumes; not for clinical use. A simulated user clicks in the middle of the largest part that is
wrong, until Dice is {ENOUGH:g} or {MOST_CLICKS} clicks are spent. A cell gives the median and, in brackets, the mean
number of clicks of the lesions that begin below the Dice, the share of them that reached it, and how many they are. A
lesion that was not reached counts as {MOST_CLICKS} clicks. Nothing was chosen on these phantoms: the settings of all
three tools were chosen on seeds 90000 to 90019. A network's answer (`--click-model`) is given all clicks so far, and
sees what ours sees; it was trained on seeds from 100000 on.

Ours sees both phases, and the probability where the network's mask is the start: it adds a lesion that is not there,
and includes or excludes what is clicked on. GrowCut (Slicer's vtkImageGrowCutSegment) and the threshold see one phase,
of the two the one in which the lesion stands out more. GrowCut is given, without a click, all that lies outside of the
liver, other findings and the faces of its box (40 mm around the seeds) as background; a click is a ball of 3 mm, or
less where the part that is wrong is thinner. From a mask, the inner half of its depth is foreground, what lies more
than 5 mm outside is background, and a click is a ball as large as the part that is wrong. The threshold takes what is
connected in a window of two and a half deviations around the clicked ball's mean, in the liver; clicks on what is
missing widen the window, those on what is too much narrow it and rub out a ball as large as that part."""


def write(output: Path, setting: Row, rows: Sequence[Row], speed: Row | None, name: str = NAME) -> str:
    """Write NAME.md and NAME.csv into a folder and return the text."""
    text = "\n".join(_lines(setting, rows, speed)) + "\n"
    output.mkdir(parents=True, exist_ok=True)
    for suffix, content in {"md": text, "csv": _csv(rows)}.items():
        with replacing(output / f"{name}.{suffix}") as partial:
            partial.write_text(content, encoding="utf-8")
    return text


def _lines(setting: Row, rows: Sequence[Row], speed: Row | None) -> Iterator[str]:
    seeds = sorted(setting["seeds"])
    yield from ("# Correction by clicks", "")
    yield (
        f"`{setting['command']}` on {setting['cores']} cores, {setting['processor']}; {setting['versions']}. "
        f"{len(seeds)} phantoms of seeds {seeds[0]} to {seeds[-1]}, size {setting['size']} "
        f"({PIXELS[setting['size']]}), of which "
        f"{len({row['seed'] for row in rows})} have lesions."
    )
    yield from ("", NOTES.replace("\n\n", "\0").replace("\n", " ").replace("\0", "\n\n"))
    for start, title in TITLES.items():
        yield from ("", f"## {title}", "", _about(start), "")
        own = [row for row in rows if row["start"] == start]
        yield from table(own, start)
        yield from ("", *_verdict(own, start))
    yield from ("", *trial_seconds(rows))
    if speed is not None:
        yield from ("", *speed_lines(speed))


def _about(start: str) -> str:
    if start == "nothing":
        return "Nothing is there but the liver, as the network found it, and no probability; each lesion is a trial."
    return (
        "The start is the finding that covers most of the lesion; others that touch it are given back to the liver "
        "without a click. Lesions of which the network found nothing have a line of their own and are in no other."
    )


def groups(rows: Sequence[Row], start: str) -> dict[str, list[Row]]:
    """Return the lesions of each line: all, each type, and those that the network did not find."""
    found = [row for row in rows if row["found"] or start == "nothing"]
    kinds = sorted({row["kind"] for row in found})
    lines = {"all": found, **{kind: [row for row in found if row["kind"] == kind] for kind in kinds}}
    if start == "network":
        lines["not found"] = [row for row in rows if not row["found"]]
    return lines


def table(rows: Sequence[Row], start: str) -> Iterator[str]:
    """Yield the lines of the table of a start."""
    tools = list(dict.fromkeys(row["tool"] for row in rows))
    cells = []
    for group, lesions in groups(rows, start).items():
        for tool in tools:
            counts = [count([row for row in lesions if row["tool"] == tool], aim) for aim in AIMS]
            if any(counts):
                cells.append((group, tool, *(_cell(each) for each in counts)))
    yield from _table(("lesions", "tool", *(f"clicks to {aim:.2f}" for aim in AIMS)), cells, words=2)


def _cell(found: Count | None) -> str:
    if found is None:
        return "none begins below"
    return f"{found.median:g} ({found.mean:.2f}), {100 * found.reached:.0f} % of {found.lesions}"


def _verdict(rows: Sequence[Row], start: str) -> Iterator[str]:
    ours = [row for row in groups(rows, start)["all"] if row["tool"] == "ours"]
    found, most = count(ours, AIM), AIMED_CLICKS[start]
    if found is not None:
        met = {True: "met", False: "not met"}
        yield (
            f"The aim, at most {most} clicks to {AIM:g} with ours: {met[found.median <= most]} by the median "
            f"({found.median:g}), {met[found.mean <= most]} by the mean ({found.mean:.2f})."
        )


def trial_seconds(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the seconds of the clicks of all trials, a tool."""
    yield from ("## Seconds of a click in these trials", "")
    yield (
        "All clicks of both starts, in volumes cut to the liver; the first click on a lesion opens a session and "
        "measures the liver, too. Taken beside whatever else the computer did."
    )
    yield ""
    cells = []
    for tool in dict.fromkeys(row["tool"] for row in rows):
        seconds = [value for row in rows if row["tool"] == tool for value in row["seconds"]]
        if seconds:
            cells.append((tool, str(len(seconds)), *(f"{each(seconds):.3f}" for each in MEASURES.values())))
    yield from _table(("tool", "clicks", *MEASURES), cells, words=1)


def speed_lines(speed: Row) -> Iterator[str]:
    """Yield what a click takes."""
    rows = speed["rows"]
    yield f"## Seconds of a click, {speed['matrix']} x {speed['matrix']} x 200 voxels, both phases"
    yield from (
        "",
        "Each click is taken back before the next. GrowCut grows in its box, from the same places.",
        "",
    )
    own_tools = ["ours", *[WITH_MODEL] * any(WITH_MODEL in row for row in rows)]
    head = ("click", "clicks", *(f"{tool}, {name}" for tool in own_tools for name in AIMED_SECONDS))
    peers = (*(f"GrowCut, {name}" for name in AIMED_SECONDS), "ours / GrowCut, median")
    kinds = {kind: [row for row in rows if row["click"] == kind] for kind in CLICKS}
    kinds["all"] = [row for own in kinds.values() for row in own]
    yield from _table(
        (*head, *peers), [_timing(name, own, own_tools) for name, own in kinds.items() if own], words=1
    )
    yield ""
    for name, measure in MEASURES.items():
        value = measure([row["ours"] for row in kinds["all"]])
        verdict = "met" if value <= AIMED_SECONDS[name] else "not met"
        yield f"- The aim for the {name}, {AIMED_SECONDS[name]:g} s: {verdict} ({value:.2f} s)."
    before = {kind: [row["ours"] for row in rows if row["click"] == kind] for kind in ("open", "first")}
    if all(before.values()):
        yield (
            f"- Not counted above: opening the session {np.median(before['open']):.2f} s, and the first click of it, "
            f"which measures the liver too, {np.median(before['first']):.2f} s (medians of {len(before['open'])})."
        )
    others = speed["others"]
    if others is not None and others > MOST_FOR_OTHERS:
        yield f"- Other programs took {100 * others:.0f} % of the processors: the seconds are not representative."


MEASURES: dict[str, Callable[[Sequence[float]], float]] = {
    "median": lambda values: float(np.median(values)),
    "95th percentile": lambda values: float(np.percentile(values, 95)),
}


def _timing(name: str, rows: Sequence[Row], tools: Sequence[str]) -> tuple[str, ...]:
    found = {tool: [row[tool] for row in rows] for tool in (*tools, "GrowCut")}
    seconds = (f"{measure(values):.3f}" for values in found.values() for measure in MEASURES.values())
    ratio = MEASURES["median"](found["ours"]) / MEASURES["median"](found["GrowCut"])
    return (name, str(len(rows)), *seconds, f"{ratio:.2f}")


def _csv(rows: Iterable[Row]) -> str:
    """Return all trials, one a line; clicks are empty where the aim was not reached."""
    stream = io.StringIO()
    names = ("seed", "lesion", "kind", "diameter_mm", "start", "found", "tool")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow((*names, *(f"clicks_to_{aim:.2f}" for aim in AIMS), "dice", "seconds"))
    for row in rows:
        clicks = (clicks_to(row["dice"], aim) for aim in AIMS)
        lists = (" ".join(f"{value:g}" for value in row[name]) for name in ("dice", "seconds"))
        writer.writerow((*(row[name] for name in names), *("" if c is None else c for c in clicks), *lists))
    return stream.getvalue()


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: int) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join([*["---"] * words, *["---:"] * (len(head) - words)]) + " |"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
