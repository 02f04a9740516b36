"""A process that holds the network that answers clicks, for programs that must not load PyTorch themselves."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from LiverTumorAttentionLib.correction.algorithm.block_grid import Field
from LiverTumorAttentionLib.correction.click_network.frames import BrokenStream, read_frame, write_array
from LiverTumorAttentionLib.errors import InputError

START_SECONDS, ANSWER_SECONDS = 60.0, 60.0
"""How long a start, and an answer, is waited for at most."""
END_SECONDS = 2.0


class ClickProcess:
    """Asks a network in another process; a `Predict`.

    command: starts that process, which speaks `frames` on its standard input and output as `pipeline.click_answers`
    does. It is started by `start`, or by the first question, and again by the next question where it ended.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._frames: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._errors: IO[bytes] | None = None
        self._ready = False

    @property
    def pid(self) -> int | None:
        """Of the process that was started; None where none runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start the process, and return before it is ready. Raises `InputError`."""
        if self.pid is not None:
            return
        self.close()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`
        self._frames = queue.SimpleQueue()
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # of Windows
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                creationflags=flags,
            )
        except OSError as error:
            raise InputError(
                f"the network that answers clicks could not be started ({error}): install Slicer again, or let the "
                "random walker answer alone"
            ) from error
        threading.Thread(
            target=_receive, args=(self._process.stdout, self._frames), name="answers to clicks", daemon=True
        ).start()

    @property
    def ready(self) -> bool:
        """Whether it answers at once."""
        if not self._ready and self.pid is not None and not self._frames.empty():
            self._await_ready()
        return self._ready and self.pid is not None

    def __call__(self, values: Field) -> Field:
        """Return the probability (z, y, x) of the lesion for the input (channels, z, y, x) of a cube.

        Raises `InputError` where the process ends or does not answer.
        """
        self.start()
        if not self._ready:
            self._await_ready()
        if self._process is None or self._process.stdin is None:
            raise InputError(
                "the network that answers clicks has ended: click again, or let the random walker answer alone"
            )
        try:
            write_array(self._process.stdin, values)
        except OSError as error:
            raise self._ended() from error
        found = self._next(ANSWER_SECONDS)
        if isinstance(found, dict):
            raise self._refused(found)
        return np.asarray(found, np.float32)

    def close(self) -> None:
        """End the process; nothing happens where none runs."""
        process, self._process, self._ready = self._process, None, False
        if process is not None:
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def _await_ready(self) -> None:
        found = self._next(START_SECONDS)
        if not isinstance(found, dict) or "ready" not in found:
            raise self._refused(found if isinstance(found, dict) else {})
        self._ready = True

    def _next(self, seconds: float) -> Any:
        try:
            found = self._frames.get(timeout=seconds)
        except queue.Empty:
            self.close()
            raise InputError(
                f"the network that answers clicks did not answer within {seconds:g} s: click again, or let "
                "the random walker answer alone"
            ) from None
        if found is None:
            raise self._ended()
        return found

    def _refused(self, message: dict[str, str]) -> InputError:
        self.close()
        return InputError(
            message.get("error")
            or "the network that answers clicks gave no answer: click again, or let the random walker answer alone"
        )

    def _ended(self) -> InputError:
        """Return what to say of a process that ended, and forget it."""
        last = ""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
        if self._errors is not None:
            self._errors.seek(0)
            lines = self._errors.read().decode("utf-8", errors="replace").strip().splitlines()
            last = f" ({lines[-1].strip()})" if lines else ""
        self.close()
        return InputError(
            f"the network that answers clicks has ended{last}: click again, or let the random walker answer alone"
        )


def _receive(stream: IO[bytes] | None, frames: queue.SimpleQueue[Any]) -> None:
    """Put what comes into a queue, and None at the end."""
    try:
        while stream is not None:
            frame = read_frame(stream)
            if frame is None:
                break
            frames.put(frame)
    except (BrokenStream, OSError, ValueError):
        pass
    finally:
        frames.put(None)
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
