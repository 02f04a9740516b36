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

    def ensure_dicom(self) -> str:
        """Install what writing DICOM needs, apart from Slicer's packages; return its folder. Raises `PanelError`."""
        from LiverTumorAttentionGui.process import dicom_packages

        folder = ""

        def install() -> None:
            nonlocal folder
            folder = dicom_packages.ensure()

        self._run(install)
        return folder

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
        """Follow the processes that are started for pip and for the PyTorch extension within the block.

        Whatever function of Slicer starts them, it does so by `subprocess.Popen`.
        """
        original, installation = subprocess.Popen, self

        class FollowedProcess(_FollowedProcess):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                if installation._cancelled:
                    raise InstallationCancelled(CANCELLED)
                super().__init__(*arguments, **options)
                installation._processes.append(self)
                if self.text_mode and self.stdout is not None:
                    self.stdout = _Lines(self.stdout, installation._line_read)

        subprocess.Popen = FollowedProcess  # type: ignore[misc, assignment]
        try:
            yield
        finally:
            subprocess.Popen = original  # type: ignore[misc]

    def _line_read(self, line: str) -> None:
        text = line.strip()
        if text.startswith(_STEPS):
            shown = text if len(text) <= _WORDS_LIMIT else f"{text[:_WORDS_LIMIT]} …"
            self._notify(f"{_PREFIX}: {shown[:1].lower()}{shown[1:]}")

    def _notify(self, words: str) -> None:
        for listener in list(self._listeners):
            listener(words)


class _FollowedProcess(subprocess.Popen[str]):
    """A process during whose waiting the application handles its events."""

    text_mode: bool
    stdout: Any

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when the process has ended."""
        if threading.current_thread() is not threading.main_thread():
            return super().wait(timeout)
        end = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            _handle_events()
        return super().wait()

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
        """Return what the process writes until its end."""
        if isinstance(self.stdout, _Lines) and (input or self.stderr):
            self.stdout = self.stdout.stream
        if isinstance(self.stdout, _Lines):
            text = self.stdout.read()
            self.wait(timeout)
            return text, None
        result: list[Any] = []
        read = super().communicate
        reader = threading.Thread(target=lambda: result.append(read(input)), daemon=True)
        reader.start()
        while reader.is_alive():
            _handle_events()
        return result[0] if result else (None, None)


def _handle_events() -> None:
    qt.QApplication.processEvents()
    time.sleep(_POLL_S)


class _Lines:
    """The output of a process, read in a thread; the application handles its events while there is no line.

    stream: the output itself. on_line: called with each line.
    """

    def __init__(self, stream: TextIO, on_line: Callable[[str], None]) -> None:
        self.stream = stream
        self._on_line = on_line
        self._queue: queue.Queue[str] = queue.Queue()
        self._reader: threading.Thread | None = None

    def readline(self) -> str:
        """Return the next line; an empty text at the end."""
        if threading.current_thread() is not threading.main_thread():
            return self.stream.readline()
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, name="output of pip", daemon=True)
            self._reader.start()
        while True:
            try:
                line = self._queue.get_nowait()
            except queue.Empty:
                _handle_events()
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
        self.stream.close()

    def _read(self) -> None:
        try:
            while True:
                try:
                    line = self.stream.readline()
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
