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
from LiverTumorAttentionGui.i18n import _
from LiverTumorAttentionGui.process.install import PackageInstaller, slicer_packaging
from LiverTumorAttentionGui.process.process_tree import group_is_alive, signal_group, terminate_tree

BUSY = _("Python packages are being installed already: wait until that has ended, or press Cancel.")
OTHERS_BUSY = _(
    "Another extension is installing Python packages: wait until that has ended, and press the button again."
)
CANCELLED = _(
    "The installation was cancelled, so nothing was computed. Packages that were "
    "complete stay installed; the next attempt installs the rest."
)
STARTING = _("Installing Python packages; the first time, PyTorch may be gigabytes to download")
_PREFIX = _("Installing Python packages")
_STEPS = (
    "Collecting ",
    "Downloading ",
    "Building ",
    "Installing collected packages",
    "Successfully installed",
)
_WORDS_LIMIT = 90
_POLL_S = 0.05
GRACE_S = 20.0
"""Time that pip has to put back what it was replacing; then it is terminated."""


class InstallationCancelled(PanelError):
    """The user, or the panel that is being closed, cancelled an installation."""


class Installation:
    """Runs an installer so that only one installation is under way in Slicer; itself an installer.

    Slicer waits for pip line by line, and pip is silent while it downloads. Here the application handles its events
    meanwhile, so that the window stays alive and Cancel can be pressed.
    """

    _current: Installation | None = None

    def __init__(self, installer: PackageInstaller) -> None:
        self._installer = installer
        self._listeners: list[Callable[[str], None]] = []
        self._processes: list[_FollowedProcess] = []
        self._apart = False
        self._cancelled_at: float | None = None

    @property
    def running(self) -> bool:
        """Whether this installs packages."""
        return Installation._current is self

    @property
    def cancelled(self) -> bool:
        """Whether the installation that is under way was cancelled."""
        return self._cancelled_at is not None

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
        if not self.running or self.cancelled:
            return
        self._cancelled_at = time.monotonic()
        with self._as_usual():
            for process in self._processes:
                process.interrupt()

    def _run(self, install: Callable[[], None]) -> None:
        if Installation._current is not None:
            raise PanelError(BUSY)
        if _others_install():
            raise PanelError(OTHERS_BUSY)
        Installation._current, self._cancelled_at = self, None
        self._notify(STARTING)
        try:
            with self._watched():
                install()
        except InstallationCancelled:
            raise
        except Exception as error:
            if self.cancelled:
                raise InstallationCancelled(CANCELLED) from error
            raise
        finally:
            Installation._current = None
            self._processes.clear()
            self._notify("")
        if self.cancelled:
            raise InstallationCancelled(CANCELLED)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Follow the processes that are started for pip and for the PyTorch extension within the block.

        Whatever function of Slicer starts them, it does so by `subprocess.Popen`. A process that is started while the
        application handles its events belongs to somebody else and is left alone.
        """
        original, installation = subprocess.Popen, self

        class FollowedProcess(_FollowedProcess):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                if installation._apart:
                    super().__init__(*arguments, **options)
                    return
                if installation.cancelled:
                    raise InstallationCancelled(CANCELLED)
                if os.name == "posix":
                    options["start_new_session"] = True  # a group, since PythonSlicer is a launcher
                super().__init__(*arguments, **options)
                self.installation = installation
                installation._processes.append(self)
                if self.text_mode and self.stdout is not None:
                    self.stdout = _Lines(self.stdout, installation)

        subprocess.Popen = FollowedProcess  # type: ignore[misc, assignment]
        try:
            yield
        finally:
            subprocess.Popen = original  # type: ignore[misc]

    @contextlib.contextmanager
    def _as_usual(self) -> Iterator[None]:
        """Leave processes alone that are started within the block."""
        before, self._apart = self._apart, True
        try:
            yield
        finally:
            self._apart = before

    def handle_events(self) -> None:
        """Let the application handle its events; after `GRACE_S`, terminate what was cancelled and still runs."""
        with self._as_usual():
            qt.QApplication.processEvents()
            if self._cancelled_at is not None and time.monotonic() > self._cancelled_at + GRACE_S:
                for process in self._processes:
                    process.end()
        time.sleep(_POLL_S)

    def line_read(self, line: str) -> None:
        """Show a line of pip's output that says what is being done."""
        text = line.strip()
        if text.startswith(_STEPS):
            shown = text if len(text) <= _WORDS_LIMIT else f"{text[:_WORDS_LIMIT]} …"
            self._notify(f"{_PREFIX}: {shown[:1].lower()}{shown[1:]}")

    def _notify(self, words: str) -> None:
        for listener in list(self._listeners):
            listener(words)


class _FollowedProcess(subprocess.Popen[str]):
    """A process of an installation, during whose waiting the application handles its events.

    installation: None for a process that is not followed. It leads a process group of its own where there are any: the
    process that Slicer starts is a launcher, which passes no signal on, and pip is its child.
    """

    installation: Installation | None = None
    text_mode: bool
    stdout: Any

    def interrupt(self) -> None:
        """End the process and its children as Ctrl+C does, where there is such a thing."""
        if os.name == "posix":
            signal_group(self.pid, signal.SIGINT)
        else:
            self.end()

    def end(self) -> None:
        """End the process and its children at once."""
        terminate_tree(self.pid, force=True)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when the process has ended, and its children too where it was cancelled."""
        installation = self.installation
        if installation is None or threading.current_thread() is not threading.main_thread():
            return super().wait(timeout)
        end = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None or (installation.cancelled and group_is_alive(self.pid)):
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            installation.handle_events()
        return super().wait()

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
        """Return what the process writes until its end."""
        installation = self.installation
        if installation is None:
            return super().communicate(input, timeout)
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
            installation.handle_events()
        return result[0] if result else (None, None)


class _Lines:
    """The output of a process, read in a thread; the application handles its events while there is no line.

    stream: the output itself. installation: is told each line.
    """

    def __init__(self, stream: TextIO, installation: Installation) -> None:
        self.stream = stream
        self._installation = installation
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
                self._installation.handle_events()
                continue
            if line:
                self._installation.line_read(line)
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


def _others_install() -> bool:
    """Return whether Slicer installs packages for somebody else; before 5.11 it does not tell."""
    in_progress = getattr(slicer_packaging(), "isPipInstallInProgress", None)
    return in_progress is not None and bool(in_progress())
