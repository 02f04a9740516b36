"""A process that reads damaged inputs one after the other, within limits, and tells what came of each.

    python -m Testing.fuzz.worker SCRATCH SEED

Reads numbers of inputs from stdin, one a line, and answers each with a line of JSON on the stream that was its stdout;
what libraries print goes to stderr. Dying is an answer too: the campaign sees it.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import Any

MOST_MORE_ADDRESSES = 1536 * 2**20
"""Address space that an input may take beyond what the process has when it begins."""
MOST_MORE_MEMORY = 512 * 2**20
"""Resident memory that an input may take; the good ones take a few MiB."""
LONGEST_MESSAGE = 1500
WRITING_EVENTS = {
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.truncate",
    "os.chmod",
}


class Watch:
    """Notes every change of the file system from Python that lies outside of the scratch folder."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = os.path.realpath(scratch)
        self.outside: list[str] = []
        sys.addaudithook(self._on_event)

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(path, str | bytes) or not flags & (
                os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
            ):
                return
            paths = [path]
        elif event in WRITING_EVENTS:
            paths = [p for p in arguments[:2] if isinstance(p, str | bytes)]
        else:
            return
        for each in paths:
            real = os.path.realpath(os.fsdecode(each)) if b"\0" not in os.fsencode(each) else ""
            if real and not real.startswith((self.scratch, "/dev/null", "/proc/")):
                self.outside.append(f"{event} {real}")


def main() -> None:
    """Answer every number on stdin."""
    scratch, seed = Path(sys.argv[1]), int(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    places = {name: scratch / name for name in ("home", "tmp", "cwd")}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    os.environ.update(HOME=str(places["home"]), TMPDIR=str(places["tmp"]))
    os.chdir(places["cwd"])
    made = scratch / "samples"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()

    from Testing.fuzz.inputs import make_input
    from Testing.fuzz.samples import make_samples
    from Testing.fuzz.targets import TARGETS

    samples = make_samples(made)
    resource.setrlimit(resource.RLIMIT_AS, (_addresses() + MOST_MORE_ADDRESSES, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    watch = Watch(scratch)
    answers.write(json.dumps({"ready": True}) + "\n")
    for line in sys.stdin:
        number = int(line)
        made_input = make_input(samples, seed, number)
        answer = {"number": number, "target": made_input.target, "told": made_input.told[:400]}
        answers.write(json.dumps({"begins": number, **answer}) + "\n")
        answer.update(_read(made_input, TARGETS[made_input.target], scratch, places, watch))
        answers.write(json.dumps(answer) + "\n")


def _read(made: Any, target: Any, scratch: Path, places: dict[str, Path], watch: Watch) -> dict[str, Any]:
    """Read one input and return its outcome: "accepted", "refused", or a "finding"."""
    folder, output = scratch / "in", scratch / "out"
    for place in (folder, output):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
    made.write(folder)
    before, began, memory = _listing(folder), time.monotonic(), _resident()
    _reset_peak()
    watch.outside.clear()
    outcome: dict[str, Any] = {"outcome": "accepted"}
    try:
        target.read(folder, folder / made.main if made.main else folder, output)
    except BaseException as error:
        outcome = _judged(error)
    more = _peak() - memory
    outcome.update(seconds=round(time.monotonic() - began, 3), more_mib=round(max(0, more) / 2**20, 1))
    problem = ""
    if watch.outside:
        problem = f"writes outside: {watch.outside[0]}"
    elif _listing(folder) != before:
        problem = "the input was changed"
    elif not target.writes and any(output.iterdir()):
        problem = f"a reader wrote {sorted(p.name for p in output.iterdir())[0]}"
    elif any(any(place.iterdir()) for place in places.values()):
        problem = f"left behind: {next(str(p) for place in places.values() for p in place.iterdir())}"
    elif more > MOST_MORE_MEMORY:
        problem = f"{more / 2**20:.0f} MiB more memory"
    if problem and outcome["outcome"] != "finding":
        outcome.update(outcome="finding", finding=problem)
    for place in places.values():
        for left in place.iterdir():
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink()
    return outcome


def _judged(error: BaseException) -> dict[str, Any]:
    from LiverTumorAttentionLib.errors import LiverTumorAttentionError

    message = " ".join(str(error).split())
    if not isinstance(error, LiverTumorAttentionError):
        where = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in where if "site-packages" not in frame.filename] or list(where)
        place = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
        return {"outcome": "finding", "finding": f"{type(error).__name__} at {place}: {message[:200]}"}
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or "bad_alloc" in str(cause) or "allocate" in str(cause):
            return {"outcome": "finding", "finding": f"memory ran out: {message[:200]}"}
        cause = cause.__cause__
    if len(message) > LONGEST_MESSAGE:
        return {"outcome": "finding", "finding": f"a message of {len(message)} characters: {message[:200]}"}
    return {"outcome": "refused", "message": message[:200].encode("utf-8", "backslashreplace").decode()}


def _listing(folder: Path) -> list[tuple[str, int, int]]:
    return sorted((str(p), p.lstat().st_size, p.lstat().st_mtime_ns) for p in folder.rglob("*"))


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def _addresses() -> int:
    return _status("VmSize")


def _resident() -> int:
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _reset_peak() -> None:
    with contextlib.suppress(OSError):  # else the peak is that of all inputs so far
        Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    main()
