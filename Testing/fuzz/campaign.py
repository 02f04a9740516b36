"""Feeding of inputs to a worker, and judgement of what becomes of it: hangs and deaths are findings as well."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HANG_S = 20.0
START_S = 600.0

Outcome = dict[str, Any]
"""Of an input: "number", "target", "told", "outcome" (accepted, refused, finding), "seconds", "more_mib", "finding"."""


class Worker:
    """A process of `Testing.fuzz.worker`, started anew when it has died or was ended."""

    def __init__(self, scratch: Path, seed: int) -> None:
        self.scratch, self.seed = scratch, seed
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def outcome(self, number: int) -> Outcome:
        """Return what becomes of an input."""
        process = self._running()
        assert process.stdin is not None
        process.stdin.write(f"{number}\n".encode())
        process.stdin.flush()
        about = self._answer(START_S)
        if about is None:
            return {"number": number, "target": "?", "told": "?", **self._death("while its input was made")}
        about.pop("begins", None)
        answer = self._answer(HANG_S)
        return answer if answer is not None else {**about, **self._death("")}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            threads = dict.fromkeys(("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"), "1")
            root = Path(__file__).resolve().parents[2]
            paths = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
            self._process = subprocess.Popen(
                [sys.executable, "-B", "-m", "Testing.fuzz.worker", str(self.scratch), str(self.seed)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=(self.scratch / "stderr.txt").open("wb"),
                env={**os.environ, **threads, "PYTHONPATH": paths},
                cwd=root,
            )
            self._rest = b""
            if self._answer(START_S) is None:
                said = (self.scratch / "stderr.txt").read_text(errors="replace")
                raise RuntimeError(f"the worker did not start: {said[-2000:]}")
        return self._process

    def _answer(self, seconds: float) -> dict[str, Any] | None:
        """Return the next line of the worker; None when it has died, or says nothing for so long of its own time."""
        assert self._process is not None
        assert self._process.stdout is not None
        used, waited = self._cpu_seconds(), 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                if not selector.select(0.5):
                    waited += 0.5
                    # On a busy computer a slow input is told from one that hangs by the time that it was given.
                    if self._cpu_seconds() - used > seconds or waited > 15 * seconds:
                        return None
                    continue
                piece = os.read(self._process.stdout.fileno(), 1 << 16)
                if not piece:
                    self._process.wait()
                    return None
                self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _cpu_seconds(self) -> float:
        assert self._process is not None
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, IndexError):
            return 0.0

    def _death(self, when: str) -> Outcome:
        assert self._process is not None
        code = self._process.poll()
        self.close()
        if code is None:
            return {"outcome": "finding", "finding": f"hangs {when}".strip()}
        name = signal.Signals(-code).name if code < 0 else f"exit {code}"
        said = (self.scratch / "stderr.txt").read_text(errors="replace").strip().splitlines()
        return {
            "outcome": "finding",
            "finding": f"the process died: {name} {when} {' / '.join(said[-2:])[:200]}".strip(),
        }


def run_campaign(numbers: Iterable[int], seed: int, keep: Path | None = None) -> Iterator[Outcome]:
    """Yield the outcome of every input. keep: where the files of those with a finding are copied."""
    scratch = Path(tempfile.mkdtemp(prefix="fuzz-"))
    worker = Worker(scratch, seed)
    try:
        for number in numbers:
            outcome = worker.outcome(number)
            if outcome["outcome"] == "finding" and keep is not None:
                target = keep / f"{seed}-{number}"
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(scratch / "in", target, symlinks=True)
            yield outcome
    finally:
        worker.close()
        shutil.rmtree(scratch, ignore_errors=True)
