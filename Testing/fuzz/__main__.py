"""python -m Testing.fuzz --inputs 5000 --seed 1 --output Testing/fuzz/results"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from pathlib import Path

from LiverTumorAttentionLib import __version__
from Testing.fuzz.campaign import HANG_S, Outcome, run_campaign
from Testing.fuzz.worker import MOST_MORE_MEMORY


def main() -> int:
    """Run a campaign and write its results; return 1 when there is a finding."""
    parser = argparse.ArgumentParser(
        prog="python -m Testing.fuzz", description="Mutated inputs of every kind."
    )
    parser.add_argument("--inputs", type=int, default=5000, metavar="N")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first input")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", type=int, nargs="+", metavar="N", help="run these inputs alone and say what was done"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="copy the files of inputs with a finding there"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder for fuzz.json and README.md")
    options = parser.parse_args()
    numbers = options.only or range(options.first, options.first + options.inputs)
    began, outcomes = time.monotonic(), []
    for outcome in run_campaign(numbers, options.seed, options.keep):
        outcomes.append(outcome)
        if options.only or outcome["outcome"] == "finding":
            print(json.dumps(outcome), flush=True)
        if len(outcomes) % 500 == 0:
            print(f"{len(outcomes)} inputs, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    findings = [outcome for outcome in outcomes if outcome["outcome"] == "finding"]
    if options.output is not None:
        write_results(options.output, outcomes, options.seed)
    print(f"{len(outcomes)} inputs, {len(findings)} findings, {time.monotonic() - began:.0f} s")
    return 1 if findings else 0


def write_results(folder: Path, outcomes: list[Outcome], seed: int) -> None:
    """Write fuzz.json and README.md."""
    folder.mkdir(parents=True, exist_ok=True)
    by_target: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_target[outcome["target"]].append(outcome)
    findings = [outcome for outcome in outcomes if outcome["outcome"] == "finding"]
    command = f"python -m Testing.fuzz --inputs {len(outcomes)} --seed {seed} --output Testing/fuzz/results"
    rows = [_row(name, by_target[name]) for name in sorted(by_target)] + [_row("all", outcomes)]
    values = {
        "command": command,
        "version": __version__,
        "limits": {"seconds": HANG_S, "memory_mib": MOST_MORE_MEMORY // 2**20},
        "targets": rows,
        "findings": [
            {**finding, "again": f"python -m Testing.fuzz --seed {seed} --only {finding['number']}"}
            for finding in findings
        ],
    }
    (folder / "fuzz.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_readme(command, rows, findings, seed), encoding="utf-8")


def _row(name: str, outcomes: list[Outcome]) -> dict[str, object]:
    counts = {
        kind: sum(o["outcome"] == kind for o in outcomes) for kind in ("accepted", "refused", "finding")
    }
    return {
        "target": name,
        "inputs": len(outcomes),
        "accepted": counts["accepted"],
        "refused": counts["refused"],
        "findings": counts["finding"],
        "slowest_s": max((o.get("seconds", 0.0) for o in outcomes), default=0.0),
        "most_memory_mib": max((o.get("more_mib", 0.0) for o in outcomes), default=0.0),
    }


def _readme(command: str, rows: list[dict[str, object]], findings: list[Outcome], seed: int) -> str:
    head = ["target", "inputs", "accepted", "refused", "findings", "slowest_s", "most_memory_mib"]
    lines = [
        "# Mutated inputs",
        "",
        f"Written by `{command}`;",
        "see `Testing/fuzz/__init__.py`. An input is accepted, or refused with one of the library's own errors; a",
        f"finding is any other exception, a process that dies, {HANG_S:g} s without an end,",
        f"{MOST_MORE_MEMORY // 2**20} MiB more memory, or a change of a file outside of the folder for output.",
        "",
        "| " + " | ".join(head) + " |",
        "| --- |" + " ---: |" * (len(head) - 1),
        *("| " + " | ".join(str(row[name]) for name in head) + " |" for row in rows),
        "",
        f"{len(findings)} findings." if findings else "No findings.",
        *(f"- {o['target']}, `--seed {seed} --only {o['number']}`: {o['finding']}" for o in findings),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
