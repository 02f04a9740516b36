"""Makes this process look like Slicer to a scripted module: `qt`, `ctk`, `slicer` with a scene, an application.

With the environment variable SLICER_PYTHON naming a folder that holds Slicer's own Python package `slicer`
(`Base/Python` of its sources), `ScriptedLoadableModule`, `parameterNodeWrapper` and `i18n` are the real ones.
"""

from __future__ import annotations

import ctypes
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

MODULE_FILE = Path(__file__).resolve().parents[2] / "LiverTumorAttention" / "LiverTumorAttention.py"
# Widgets that Slicer's own files compare with, and that no panel here has.
_NAMED_BY_SLICERS_FILES = ("qMRMLRangeWidget", "qMRMLSliderWidget", "qMRMLSpinBox")
_SPARE_REFERENCES = 1_000_000_000
REAL_PYTHON = os.environ.get("SLICER_PYTHON")


class Application:
    """What modules and Slicer's Python files ask of `slicer.app`."""

    class _ModuleManager:
        def connect(self, signature: str, slot: Any) -> None:
            """Nothing: no module is unloaded here."""

        disconnect = connect

    def __init__(self) -> None:
        self._manager = self._ModuleManager()
        self._logic: Any = None
        self._at_startup: list[Any] = []

    def connect(self, signature: str, slot: Any) -> None:
        """Connect the one signal of the application that modules need; `finish_startup` sends it."""
        if signature != "startupCompleted()":
            raise ValueError(f"the bench's application has no signal {signature}")
        self._at_startup.append(slot)

    def topLevelWidgets(self) -> list[Any]:
        """None: there is no main window here."""
        return []

    def applicationLogic(self) -> Any:
        return self._logic

    def moduleManager(self) -> Any:
        return self._manager

    def translate(self, context: str, text: str) -> str:
        return text

    def testingEnabled(self) -> bool:
        return True


def start() -> Any:
    """Set everything up, once; return the QApplication. Raises `ImportError` where a package is missing."""
    from PySide6 import QtWidgets

    if str(MODULE_FILE.parent) not in sys.path:
        sys.path.insert(0, str(MODULE_FILE.parent))
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    if "qt" in sys.modules:
        return application
    _keep_singletons_alive()
    import slicer

    from Testing.bench.pythonqt import QtModule

    qt = sys.modules["qt"] = QtModule("qt")
    from Testing.bench import ui_loader, widgets

    ui_loader.StrictUiLoader._qt = qt
    qt.QUiLoader = ui_loader.StrictUiLoader
    ctk = sys.modules["ctk"] = _CtkModule("ctk")
    for name, cls in widgets.CTK_WIDGETS.items():
        setattr(ctk, name, cls)
    widgets.install_slicer_widgets()
    from Testing.bench import sample_data

    sys.modules["SampleData"] = sample_data  # type: ignore[assignment]
    slicer.app = Application()
    module = types.SimpleNamespace(path=str(MODULE_FILE))
    slicer.modules = types.SimpleNamespace(livertumorattention=module)
    new_scene()
    if REAL_PYTHON:
        slicer.__path__.append(str(Path(REAL_PYTHON) / "slicer"))
        for name in _NAMED_BY_SLICERS_FILES:
            setattr(slicer, name, type(name, (), {}))
    else:
        _install_stand_ins()
    return application


def finish_startup() -> None:
    """Call what modules wait with until Slicer has started, as Slicer does once."""
    import slicer

    waiting, slicer.app._at_startup = slicer.app._at_startup, []
    for slot in waiting:
        slot()


def _keep_singletons_alive() -> None:
    """Give True, False and None references to spare.

    PySide6 takes one away at every `emit`, `disconnect` and `processEvents`; before Python 3.12, where they live for
    ever, a long test run would end in an abort.
    """
    if sys.version_info >= (3, 12):
        return
    for value in (True, False, None):
        # CPython's object begins with its count; one by one so many would take seconds.
        ctypes.c_ssize_t.from_address(id(value)).value += _SPARE_REFERENCES


def new_scene() -> Any:
    """Give `slicer` a fresh scene with what Slicer always has: its logics, and the nodes that they add; return it.

    Those nodes are the selection and interaction nodes, the subject hierarchy and the tables of colors.
    """
    import slicer

    from Testing.bench import stand_in

    stand_in.let_go_of_scene()
    scene = slicer.mrmlScene = slicer.vtkMRMLScene()
    application_logic = slicer.vtkSlicerApplicationLogic()
    application_logic.SetMRMLScene(scene)
    slicer.app._logic = application_logic
    for name, logic in (
        ("colors", slicer.vtkMRMLColorLogic()),
        ("segmentations", slicer.vtkSlicerSegmentationsModuleLogic()),
        ("volumes", slicer.vtkSlicerVolumesLogic()),
        ("markups", slicer.vtkSlicerMarkupsLogic()),
    ):
        logic.SetMRMLApplicationLogic(application_logic)
        with _converters_registered_once():
            logic.SetMRMLScene(scene)
        application_logic.SetModuleLogic(name.capitalize(), logic)
        setattr(slicer.modules, name, types.SimpleNamespace(logic=lambda logic=logic: logic))
    return scene


@contextmanager
def _converters_registered_once() -> Iterator[None]:
    """Take out again what the segmentations' logic registers for every scene anew, where Slicer does it once.

    Every new segmentation copies the parameters of all converters: with each scene tests became slower.
    """
    import slicer

    factory = slicer.vtkSegmentationConverterFactory.GetInstance()
    before = len(factory.GetConverterRules())
    yield
    if before:
        for rule in factory.GetConverterRules()[before:]:
            factory.UnregisterConverterRule(rule)


class _CtkModule(types.ModuleType):
    """The module `ctk`. Slicer's own files name classes that no widget here has; those are empty."""

    def __getattr__(self, name: str) -> type:
        if not REAL_PYTHON or not name.startswith("ctk"):
            raise AttributeError(f"the bench has no {name}")
        setattr(self, name, type(name, (), {}))
        return getattr(self, name)


def _install_stand_ins() -> None:
    import slicer

    from Testing.bench import parameter_node, scripted_module

    i18n = types.ModuleType("slicer.i18n")
    i18n.tr = lambda text: text
    i18n.translate = lambda context, text: text
    stand_ins = {
        "ScriptedLoadableModule": scripted_module,
        "parameterNodeWrapper": parameter_node,
        "i18n": i18n,
    }
    for name, module in stand_ins.items():
        sys.modules[f"slicer.{name}"] = module
        setattr(slicer, name, module)
