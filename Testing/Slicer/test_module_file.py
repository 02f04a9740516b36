"""The file that Slicer imports at its start: what it brings along, and what Reload reads again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START = (
    "import sys\n"
    "from Testing.bench import slicer_like\n"
    "slicer_like.start()\n"
    "import slicer.i18n, slicer.util, slicer.ScriptedLoadableModule, vtk\n"
    "before = set(sys.modules)\n"
    "import LiverTumorAttention as module\n"
)
AT_START = {
    "LiverTumorAttention",
    "LiverTumorAttentionGui",
    "LiverTumorAttentionGui.about",
    "LiverTumorAttentionGui.process",
    "LiverTumorAttentionGui.process.child",
    "LiverTumorAttentionGui.sample",
    "LiverTumorAttentionGui.sample.registration",
    "LiverTumorAttentionGui.sample.sample_case",
}


def in_a_fresh_process(code: str) -> str:
    """Run code after Slicer's start with the module imported; return what it printed."""
    run = subprocess.run(
        [sys.executable, "-c", START + code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_slicers_start_imports_no_panel_and_no_library():
    """Discovery of the module and what waits for the end of Slicer's start import these files, and no package else."""
    printed = in_a_fresh_process(
        "from types import SimpleNamespace\n"
        "import SampleData\n"
        "module.LiverTumorAttention(SimpleNamespace(path=module.__file__))\n"
        "slicer_like.finish_startup()\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    assert set(printed.split()) == AT_START


def test_scripts_find_the_logic_in_the_modules_file():
    printed = in_a_fresh_process(
        "from LiverTumorAttention import LiverTumorAttentionLogic\n"
        "print(LiverTumorAttentionLogic.__module__, hasattr(module, 'LiverTumorAttentionFileWriter'))\n"
    )
    assert printed.split() == ["LiverTumorAttentionGui.segmentation", "False"]


def test_reload_reads_panel_and_library_again():
    """As Slicer reloads: the old panel ends first, and the next one is made of the files as they are now."""
    printed = in_a_fresh_process(
        "import qt, slicer\n"
        "parent = slicer.qMRMLWidget(); parent.setLayout(qt.QVBoxLayout())\n"
        "widget = module.LiverTumorAttentionWidget(parent); widget.setup()\n"
        "type(parent).reload = lambda self: None  # what Slicer's own function asks of the window\n"
        "slicer.modules.livertumorattention.widgetRepresentation = lambda: parent\n"
        "slicer.modules.LiverTumorAttentionWidget = widget\n"
        "import LiverTumorAttentionGui.panel, LiverTumorAttentionLib.errors, LiverTumorAttentionLib.io\n"
        "old = {name: loaded for name, loaded in sys.modules.items()\n"
        "       if name.startswith(('LiverTumorAttentionGui', 'LiverTumorAttentionLib'))}\n"
        "ended = widget.panel\n"
        "widget.onReload()\n"
        "widget.cleanup()  # Slicer's own call\n"
        "assert ended._parts == () and ended._parameters is None\n"
        "again = sys.modules['LiverTumorAttention'].LiverTumorAttentionWidget(parent); again.setup()\n"
        "import LiverTumorAttentionGui.panel, LiverTumorAttentionLib.errors, LiverTumorAttentionLib.io\n"
        "assert type(again.panel) is not type(ended)\n"
        "print(len(old), [name for name in old if sys.modules.get(name) is old[name]])\n"
        "again.cleanup()\n"
    )
    count, _, same = printed.splitlines()[-1].partition(" ")  # behind what Slicer says of it
    assert int(count) > 60
    assert same.strip() == "[]"
