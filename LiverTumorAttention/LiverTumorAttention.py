"""Liver Tumor Attention: liver and tumor segmentation in one- and two-phase CT, as a module of 3D Slicer."""

import sys
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from LiverTumorAttentionGui.panel import SegmentationPanel
from LiverTumorAttentionGui.sample.sample_data import register_sample_data
from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic


class LiverTumorAttention(ScriptedLoadableModule):
    """Title, category, help and acknowledgement of the module."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Liver Tumor Attention")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        modules = "Markups SegmentEditor Segmentations SubjectHierarchy Tables Volumes"
        self.parent.dependencies = modules.split()
        self.parent.contributors = ["The LiverTumorAttention contributors"]
        self.parent.helpText = _(
            "Segments the liver and its tumors in a portal venous CT, with the help of a late arterial CT "
            "where there is one. The computation runs in a process of its own, and nothing leaves this "
            "computer. Not for clinical use."
        )
        self.parent.acknowledgementText = _(
            "Networks after PA-ResSeg (Xu et al., 2021). The bundled model was trained on real "
            "slices and on painted and generated CT; Models... shows its card."
        )
        slicer.app.connect("startupCompleted()", register_sample_data)


class LiverTumorAttentionWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Hands Slicer's events to the panel."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.panel: SegmentationPanel | None = None

    def setup(self) -> None:
        """Build the panel. Slicer calls this once, when the module is first opened."""
        ScriptedLoadableModuleWidget.setup(self)
        self.logic = LiverTumorAttentionLogic()
        self.panel = SegmentationPanel(self.logic)
        self.layout.addWidget(self.panel.widget)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndImport)
        self.panel.enter()

    def enter(self) -> None:
        """Show the choices stored in the scene: the user opened the module."""
        if self.panel is not None:
            self.panel.enter()

    def exit(self) -> None:
        """Release the parameter node; a run continues while the user is in another module."""
        if self.panel is not None:
            self.panel.leave()

    def cleanup(self) -> None:
        """End a run: Slicer is closing, or the module is being reloaded."""
        self.removeObservers()
        if self.panel is not None:
            self.panel.cleanup()

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        """End a run whose volumes are about to be removed."""
        if self.panel is not None:
            self.panel.scene_closes()

    def onSceneEndClose(self, caller: Any, event: Any) -> None:
        """Show the empty scene."""
        if self.panel is not None and self.parent.isEntered:
            self.panel.enter()

    def onSceneEndImport(self, caller: Any, event: Any) -> None:
        """Show the loaded scene; the volumes of its study exist only now."""
        if self.panel is not None:
            self.panel.scene_loaded()

    def onReload(self) -> None:
        """Reload the panel's modules too, so that a developer's edits in them take effect."""
        for name in [name for name in sys.modules if name.split(".")[0] == "LiverTumorAttentionGui"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)


class LiverTumorAttentionTest(ScriptedLoadableModuleTest):
    """A test that needs no child process; the thorough ones are in Testing/Slicer."""

    def runTest(self) -> None:
        slicer.mrmlScene.Clear()
        self.test_run_needs_a_portal_volume()

    def test_run_needs_a_portal_volume(self) -> None:
        """Without a portal venous volume a run cannot start, and the reason is given."""
        logic = LiverTumorAttentionLogic()
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        volume.SetAndObserveImageData(vtk.vtkImageData())
        assert "portal venous" in logic.problem(None, None, "demonstration")
        assert "same volume" in logic.problem(volume, volume, "demonstration")
        assert logic.problem(volume, None, "demonstration") == ""
