"""Installation of packages as a state of the panel: one at a time, its progress in words, and cancelled on request."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import qt
import slicer

from LiverTumorAttentionGui.errors import PanelError
from LiverTumorAttentionGui.process.install import PackageInstaller

BUSY = "Python packages are being installed already: wait until that has ended, or press Cancel."
CANCELLED = (
    "The installation was cancelled, so nothing was computed. Packages that were complete stay installed; "
    "the next attempt installs the rest."
)
STARTING = "Installing Python packages; the first time, PyTorch may be gigabytes to download"
_PREFIX = "Installing Python packages"
_STEPS = (
    "Collecting ",
    "Downloading ",
    "Building ",
    "Installing collected packages",
    "Successfully installed",
)
_WORDS_LIMIT = 90
_POLL_S = 0.05


class InstallationCancelled(PanelError):
    """The user, or the panel that is being closed, cancelled an installation."""


class Installation:
    """Runs an installer so that only one installation is under way; itself an installer.

    Slicer waits for pip line by line, and pip is silent while it downloads. Here the application handles its events
    meanwhile, so that the window stays alive and Cancel can be pressed.
    """

    def __init__(self, installer: PackageInstaller) -> None:
        self._installer = installer
        self._listeners: list[Callable[[str], None]] = []
        self._processes: list[subprocess.Popen[str]] = []
        self._running = False
        self._cancelled = False

    @property
    def running(self) -> bool:
        """Whether packages are being installed."""
        return self._running

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call the listener with what is being done, in words; with an empty text when the installation has ended."""
        self._listeners.append(listener)

    def ensure(self) -> None:
        """Install what a run needs. Raises `PanelError`, also while another installation is under way."""
        self._run(self._installer.ensure)

    def ensure_requirements(self) -> None:
        """Install what is needed except torch. Raises `PanelError`, also while another installation is under way."""
        self._run(self._installer.ensure_requirements)

    def cancel(self) -> None:
        """Interrupt pip, which puts back what it was replacing; the call that installs raises `PanelError`."""
        if not self._running:
            return
        self._cancelled = True
        for process in self._processes:
            _interrupt(process)

    def _run(self, install: Callable[[], None]) -> None:
        if self._running:
            raise PanelError(BUSY)
        self._running, self._cancelled = True, False
        self._notify(STARTING)
        try:
            with self._watched():
                install()
        except InstallationCancelled:
            raise
        except Exception as error:
            if self._cancelled:
                raise InstallationCancelled(CANCELLED) from error
            raise
        finally:
            self._running = False
            self._processes.clear()
            self._notify("")
        if self._cancelled:
            raise InstallationCancelled(CANCELLED)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Follow the processes that Slicer starts for pip and for the PyTorch extension within the block."""
        launch = slicer.util.launchConsoleProcess

        def watched(*arguments: Any, **options: Any) -> Any:
            if self._cancelled:
                raise InstallationCancelled(CANCELLED)
            process = launch(*arguments, **options)
            self._processes.append(process)
            if options.get("blocking", True) and process.stdout is not None:
                process.stdout = _Lines(process.stdout, self._line_read)
            return process

        slicer.util.launchConsoleProcess = watched
        try:
            yield
        finally:
            slicer.util.launchConsoleProcess = launch

    def _line_read(self, line: str) -> None:
        text = line.strip()
        if text.startswith(_STEPS):
            shown = text if len(text) <= _WORDS_LIMIT else f"{text[:_WORDS_LIMIT]} …"
            self._notify(f"{_PREFIX}: {shown[:1].lower()}{shown[1:]}")

    def _notify(self, words: str) -> None:
        for listener in list(self._listeners):
            listener(words)


class _Lines:
    """The output of a process, read in a thread; the application handles its events while there is no line.

    on_line: called with each line.
    """

    def __init__(self, stream: TextIO, on_line: Callable[[str], None]) -> None:
        self._stream = stream
        self._on_line = on_line
        self._queue: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, name="output of pip", daemon=True).start()

    def readline(self) -> str:
        """Return the next line; an empty text at the end."""
        while True:
            try:
                line = self._queue.get_nowait()
            except queue.Empty:
                qt.QApplication.processEvents()
                time.sleep(_POLL_S)
                continue
            if line:
                self._on_line(line)
            return line

    def __iter__(self) -> Iterator[str]:
        return iter(self.readline, "")

    def read(self) -> str:
        """Return the rest of the output."""
        return "".join(self)

    def close(self) -> None:
        """Close the output."""
        self._stream.close()

    def _read(self) -> None:
        try:
            while True:
                try:
                    line = self._stream.readline()
                except UnicodeDecodeError:  # of another code page: nobody has to read it
                    continue
                self._queue.put(line)
                if not line:
                    return
        except (OSError, ValueError):  # closed
            self._queue.put("")


def _interrupt(process: subprocess.Popen[str]) -> None:
    """End a process as Ctrl+C does, where there is such a thing."""
    if process.poll() is not None:
        return
    if os.name == "posix":
        process.send_signal(signal.SIGINT)
    else:
        process.terminate()
