"""Installing as a state: one at a time, alive and cancelled while pip is silent, said in words."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from Testing.bench import python_launcher
from Testing.Slicer import cases, scene_facts

# A pip that says what it does and then downloads for a long time without a word.
SILENT = (
    "import time\n"
    "print('Collecting torch', flush=True)\n"
    "print('  Downloading torch-9.whl (2.3 GB)', flush=True)\n"
    "time.sleep(600)\n"
)
QUICK = "print('Collecting rich', flush=True)\n"


def by_slicer(command):
    """Start a process and read its output as Slicer's pip_install does."""
    import slicer

    process = slicer.util.launchConsoleProcess(command, useStartupEnvironment=False)
    for _line in iter(process.stdout.readline, ""):
        pass
    return process.wait()


def by_lines(command):
    """Start a process without Slicer's function, and read its output line by line."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for _line in process.stdout:
            pass
    return process.returncode


def by_communicating(command):
    """Start a process that is read as a whole, as text or as bytes."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.communicate()
    return process.returncode


def by_waiting(command):
    return subprocess.Popen(command, stdout=subprocess.DEVNULL).wait()


def by_running(command):
    return subprocess.run(command, check=False, capture_output=True).returncode


WAYS = (by_slicer, by_lines, by_communicating, by_waiting, by_running)


class Pip:
    """An installer that starts a process in one of the ways in which a version of Slicer may do."""

    def __init__(self, code: str, way=by_slicer) -> None:
        self.code, self.way = code, way
        self.calls = 0

    def ensure(self) -> None:
        self.calls += 1
        command = [sys.executable, "-c", self.code]
        code = self.way(command)
        if code:
            raise subprocess.CalledProcessError(code, command)

    ensure_requirements = ensure


@pytest.fixture
def later(application):
    """Return a function that calls another from the event loop, as a user's click comes."""
    import qt

    timers = []

    def call(action, delay_ms=300):
        timer = qt.QTimer()
        timer.setSingleShot(True)
        timer.connect("timeout()", action)
        timer.start(delay_ms)
        timers.append(timer)

    return call


@pytest.fixture
def once(application):
    """Return a function that calls another from the event loop, once a condition holds."""
    import qt

    timers = []

    def call(condition, action):
        def look():
            if condition():
                timer.stop()
                action()

        timer = qt.QTimer()
        timer.connect("timeout()", look)
        timer.start(50)
        timers.append(timer)

    return call


@pytest.fixture
def panel_with(scene):
    """Return a function that makes a panel with an installer; `started` counts its runs."""
    from LiverTumorAttentionGui.model_collection import ModelChoice
    from LiverTumorAttentionGui.panel import SegmentationPanel
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    made = []

    def make(installer):
        started = []

        def run(*_arguments, **_options):
            started.append(SimpleNamespace(start=lambda: None, cancel=lambda: None, abandon=lambda: None))
            return started[-1]

        panel = SegmentationPanel(
            LiverTumorAttentionLogic(),
            models=lambda: [ModelChoice(id="m", title="M", statement="s")],
            installer=installer,
            run_factory=run,
        )
        panel.enter()
        panel.ui.portalSelector.setCurrentNode(cases.add_volume(scene))
        panel.started = started
        made.append(panel)
        return panel

    yield make
    for panel in made:
        panel.cleanup()


@pytest.mark.parametrize("way", WAYS)
def test_cancel_is_heard_however_slicer_starts_pip(application, later, way):
    from LiverTumorAttentionGui.process.installation import Installation, InstallationCancelled

    earlier = scene_facts.children()
    installation = Installation(Pip(SILENT, way))
    later(installation.cancel, 600)
    with pytest.raises(InstallationCancelled, match="was cancelled"):
        installation.ensure()
    assert scene_facts.children() <= earlier
    Installation(Pip(QUICK, way)).ensure()


@pytest.mark.parametrize("way", [by_slicer, by_lines])
def test_what_pip_says_is_heard_and_python_gets_its_class_back(application, way):
    from LiverTumorAttentionGui.process.installation import Installation

    original, heard = subprocess.Popen, []
    installation = Installation(Pip(QUICK, way))
    installation.on_change(heard.append)
    installation.ensure()
    assert heard[0].startswith("Installing Python packages; the first time")
    assert heard[1:] == ["Installing Python packages: collecting rich", ""]
    assert subprocess.Popen is original
    assert not installation.running
    with pytest.raises(subprocess.CalledProcessError):
        Installation(Pip("raise SystemExit(3)", way)).ensure()
    assert subprocess.Popen is original


def test_pressing_twice_while_packages_install_starts_one_child(panel_with, later):
    seen = {}

    def press_again(panel):
        ui = panel.ui
        seen["enabled"] = [
            button.enabled
            for button in (ui.segmentButton, ui.inputsButton, ui.installButton, ui.cancelButton)
        ]
        seen["words"], seen["bar"] = ui.stageLabel.text, not ui.progressBar.isHidden()
        panel._segment._segment_clicked()
        panel._segment._sample_clicked()
        panel._install_clicked()
        seen["refusal"] = ui.statusLabel.text

    pip = Pip("import time\nprint('Collecting torch', flush=True)\ntime.sleep(1)\n")
    panel = panel_with(pip)
    later(lambda: press_again(panel), 500)
    panel.ui.segmentButton.click()
    assert seen["enabled"] == [False, False, False, True]
    assert seen["words"] == "Installing Python packages: collecting torch"
    assert seen["bar"]
    assert "being installed already" in seen["refusal"]
    assert (pip.calls, len(panel.started)) == (1, 1)
    assert panel.running


def test_cancel_ends_a_silent_download(panel_with, later, scene):
    panel = panel_with(Pip(SILENT))
    earlier, before = scene_facts.children(), scene_facts.facts(scene)
    words = []

    def cancel():
        words.append(panel.ui.stageLabel.text)
        panel.ui.cancelButton.click()

    later(cancel, 600)
    panel.ui.segmentButton.click()
    assert words == ["Installing Python packages: downloading torch-9.whl (2.3 GB)"]
    assert "was cancelled, so nothing was computed" in panel.ui.statusLabel.text
    assert not panel.ui.statusLabel.styleSheet, "no error"
    assert panel.started == []
    assert not panel.running
    assert panel.ui.segmentButton.enabled
    assert not panel.ui.cancelButton.enabled
    assert panel.ui.progressBar.isHidden()
    assert scene_facts.children() <= earlier
    assert scene_facts.facts(scene) == before


@pytest.mark.parametrize("moment", ["leave", "leave and come back", "scene closes", "cleanup"])
def test_panel_that_goes_while_packages_install(panel_with, later, scene, moment):
    def go(panel):
        if moment == "cleanup":
            panel.cleanup()
            return
        if moment == "scene closes":
            panel.scene_closes()
            scene.Clear()
        else:
            panel.leave()
        if moment != "leave":
            panel.enter()

    slow = "import time\nprint('Collecting x', flush=True)\ntime.sleep(1)\n"
    panel = panel_with(Pip(SILENT if moment == "cleanup" else slow))
    later(lambda: go(panel))
    panel.ui.segmentButton.click()
    assert panel.started == [], "nobody waits for this run any more"
    if moment != "cleanup":
        assert not panel.running
        assert "press Segment tumors again" in panel.ui.statusLabel.text
    if moment == "leave and come back":
        panel.ui.segmentButton.click()
        assert len(panel.started) == 1


def test_report_whose_study_goes_while_packages_install(panel, scene, study, later, tmp_path, monkeypatch):
    from LiverTumorAttentionGui.process.installation import Installation

    slow = Installation(Pip("import time\nprint('Collecting x', flush=True)\ntime.sleep(1)\n"))
    monkeypatch.setattr(panel.review.export, "_ensure", slow.ensure_requirements)
    panel.review.export.choose_file = lambda _parent, _name: str(tmp_path / "out.html")
    later(panel.leave)
    panel.ui.reportButton.click()
    assert not panel.review.export.running
    assert not list(tmp_path.glob("out.*"))


# A pip that is interrupted while it replaces a package, and needs a while to put the old one back.
PUTS_BACK = (
    "import os, sys, time\n"
    "print('Installing collected packages: x', flush=True)\n"
    "try:\n    open(sys.argv[2], 'w').close()\n    time.sleep(600)\n"
    "except KeyboardInterrupt:\n"
    "    time.sleep(0.5)\n    open(sys.argv[1], 'w').write('put back')\n    sys.exit(1)\n"
)


@pytest.mark.parametrize("way", WAYS)
def test_cancel_reaches_pip_behind_slicers_launcher_and_waits_for_it(once, way, tmp_path):
    """A launcher that is interrupted ends at once and leaves pip at work."""
    from LiverTumorAttentionGui.process.installation import Installation, InstallationCancelled

    launcher, mark, ready = python_launcher.make(tmp_path), tmp_path / "mark", tmp_path / "ready"
    earlier = scene_facts.children()
    installation = Installation(
        SimpleNamespace(ensure=lambda: way([str(launcher), "-c", PUTS_BACK, str(mark), str(ready)]))
    )
    once(ready.exists, installation.cancel)
    with pytest.raises(InstallationCancelled):
        installation.ensure()
    assert mark.read_text() == "put back"
    assert scene_facts.children() <= earlier


def test_pip_that_hears_no_interrupt_is_ended(once, tmp_path, monkeypatch):
    from LiverTumorAttentionGui.process import installation

    monkeypatch.setattr(installation, "GRACE_S", 0.2)
    ignores = "import os, signal, sys, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    ignores += "open(sys.argv[1] + '.part', 'w').write(str(os.getpid()))\n"
    ignores += "os.rename(sys.argv[1] + '.part', sys.argv[1])\ntime.sleep(600)\n"
    launcher, pid = python_launcher.make(tmp_path), tmp_path / "pid"
    running = installation.Installation(
        SimpleNamespace(ensure=lambda: by_slicer([str(launcher), "-c", ignores, str(pid)]))
    )
    once(pid.exists, running.cancel)
    with pytest.raises(installation.InstallationCancelled):
        running.ensure()
    scene_facts.wait_dead(int(pid.read_text()))


def test_one_installation_at_a_time_in_all_of_slicer(application, later):
    """The panel, the module Sample Data and a panel made anew each have an installation; pip has one environment."""
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.process.installation import Installation

    first, other, refused = Pip("import time\ntime.sleep(1)\n"), Pip(QUICK), []

    def press():
        try:
            Installation(other).ensure_requirements()
        except PanelError as error:
            refused.append(str(error))

    later(press, 400)
    Installation(first).ensure()
    assert "being installed already" in refused[0]
    assert (first.calls, other.calls) == (1, 0)
    Installation(other).ensure()
    assert other.calls == 1


def test_no_installation_beside_that_of_another_extension(application, monkeypatch):
    from LiverTumorAttentionGui.errors import PanelError
    from LiverTumorAttentionGui.process import installation

    busy = [True]
    packaging = SimpleNamespace(isPipInstallInProgress=lambda: busy[0])
    monkeypatch.setattr(installation, "slicer_packaging", lambda: packaging)
    pip = Pip(QUICK)
    with pytest.raises(PanelError, match="Another extension is installing"):
        installation.Installation(pip).ensure()
    busy[0] = False
    installation.Installation(pip).ensure()
    assert pip.calls == 1


def test_what_others_start_meanwhile_is_left_alone(later, once):
    """While pip is silent the application handles its events, and another module may start a process of its own."""
    from LiverTumorAttentionGui.process.installation import Installation, InstallationCancelled

    others = []

    def start_other():
        others.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]))

    installation = Installation(Pip(SILENT))
    later(start_other, 300)
    once(lambda: others, installation.cancel)
    with pytest.raises(InstallationCancelled):
        installation.ensure()
    (other,) = others
    assert other.poll() is None
    other.kill()
    other.wait()


def test_sample_data_shows_the_installation_and_cancels_it(scene, once, monkeypatch):
    import slicer

    from LiverTumorAttentionGui.sample.sample_data import SampleDialog

    errors, seen = [], []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **_: errors.append(text))

    def cancel():
        dialog = SampleDialog.current.dialog
        seen.append((dialog.isVisible(), dialog.labelText.splitlines()[-1]))
        dialog.canceled.emit()

    def downloads():
        return "downloading" in SampleDialog.current.dialog.labelText

    earlier = scene_facts.children()
    once(downloads, cancel)
    SampleDialog.open(installer=Pip(SILENT))
    assert seen == [(True, "Installing Python packages: downloading torch-9.whl (2.3 GB)")]
    assert (SampleDialog.current, errors) == (None, [])
    assert scene_facts.children() <= earlier
