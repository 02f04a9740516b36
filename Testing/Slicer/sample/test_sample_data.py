"""The sample in Slicer's module Sample Data, and its progress dialog."""

from __future__ import annotations

import functools
import json
import struct
import sys
import types
from pathlib import Path
from types import SimpleNamespace

import pytest

from Testing.Slicer.sample.test_sample_run import ENDLESS


class NoInstaller:
    """Finds everything installed."""

    def ensure_requirements(self) -> None:
        pass


@pytest.fixture
def dialog(scene, monkeypatch, tmp_path):
    """The dialog's class with a child that waits, and what was shown as errors; no dialog is left behind."""
    import slicer

    from LiverTumorAttentionGui.sample import sample_data, sample_run

    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    monkeypatch.setattr(sample_run, "SampleRun", functools.partial(sample_run.SampleRun, script=script))
    errors = []
    monkeypatch.setattr(slicer.util, "errorDisplay", lambda text, **_: errors.append(text))
    cls = sample_data.SampleDialog
    yield SimpleNamespace(cls=cls, errors=errors, script=script)
    if cls.current is not None:
        cls.current._run.abandon()
        cls.current._end()


def test_dialog_shows_progress_and_closes_on_cancel(dialog, wait_until):
    dialog.cls.open(installer=NoInstaller())
    current = dialog.cls.current
    shown = current.dialog
    wait_until(lambda: shown.value == 25, "progress is shown")
    assert not shown.modal
    for words in ("synthetic", "Nothing is downloaded", "Not for clinical use", "Generating"):
        assert words in shown.labelText
    dialog.cls.open(installer=NoInstaller())
    assert dialog.cls.current is current
    shown.canceled.emit()
    wait_until(lambda: dialog.cls.current is None, "the dialog has gone")
    assert dialog.errors == []


def test_dialog_shows_the_error(dialog, wait_until):
    error = {"event": "error", "message": "the disk is full"}
    dialog.script.write_text(f"print({json.dumps(error)!r}); raise SystemExit(2)")
    dialog.cls.open(installer=NoInstaller())
    wait_until(lambda: dialog.cls.current is None, "the dialog has gone")
    assert dialog.errors == ["The disk is full."]


def test_dialog_shows_why_it_did_not_start_and_reopens(dialog):
    from LiverTumorAttentionGui.errors import PanelError

    class Declines:
        def ensure_requirements(self) -> None:
            raise PanelError("The Python packages were not installed.")

    dialog.cls.open(installer=Declines())
    assert dialog.errors == ["The Python packages were not installed."]
    assert dialog.cls.current is None


def test_the_sample_is_offered_once_with_its_thumbnail_and_no_download(scene, monkeypatch):
    from LiverTumorAttentionGui.sample import registration, sample_data

    offered = []
    logic = types.SimpleNamespace(registerCustomSampleDataSource=lambda **source: offered.append(source))
    monkeypatch.setitem(sys.modules, "SampleData", types.SimpleNamespace(SampleDataLogic=logic))
    assert registration.register_sample_data() is True
    (source,) = offered
    assert source["category"] == "Liver Tumor Attention"
    assert "synthetic" in source["sampleName"]
    assert (source["uris"], source["fileNames"], source["nodeNames"]) == ([], [], [])
    opened = []
    monkeypatch.setattr(sample_data.SampleDialog, "open", lambda: opened.append(True))
    source["customDownloader"]("the source, as Sample Data hands it over")
    assert opened == [True]
    content = Path(source["thumbnailFileName"]).read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (260, 280)


def test_without_the_module_sample_data_nothing_is_registered(scene, monkeypatch):
    from LiverTumorAttentionGui.sample import registration

    monkeypatch.setitem(sys.modules, "SampleData", None)  # its import raises ImportError
    assert registration.register_sample_data() is False


def test_the_module_registers_the_sample_when_slicer_has_started(scene, monkeypatch):
    import slicer

    import LiverTumorAttention

    connected = {}
    monkeypatch.setattr(
        type(slicer.app),
        "connect",
        lambda self, signal, slot: connected.update({signal: slot}),
        raising=False,
    )
    LiverTumorAttention.LiverTumorAttention(SimpleNamespace())
    assert connected["startupCompleted()"].__name__ == "register_sample_data"
