"""Liver Tumor Attention in 3D Slicer. Slicer imports this file at every start; the panel when it is first opened."""

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

from LiverTumorAttentionGui import about, unload
from LiverTumorAttentionGui.sample.registration import register_sample_data


class LiverTumorAttention(ScriptedLoadableModule):
    """Title, category, help and acknowledgement of the module."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Liver Tumor Attention")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        modules = "Markups SegmentEditor Segmentations SubjectHierarchy Tables Volumes"
        self.parent.dependencies = modules.split()
        self.parent.contributors = ["The LiverTumorAttention contributors"]
        self.parent.helpText = about.help_text()
        self.parent.acknowledgementText = about.acknowledgement()
        slicer.app.connect("startupCompleted()", register_sample_data)


class LiverTumorAttentionWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Hands Slicer's events to the panel."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.panel: Any = None

    def setup(self) -> None:
        """Build the panel. Slicer calls this once, when the module is first opened."""
        from LiverTumorAttentionGui.panel import SegmentationPanel
        from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

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
        """End a run: Slicer is closing, or the module is being reloaded. Safe to call again."""
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
        """Reload panel and library too, so that a developer's edits in them take effect."""
        self.cleanup()  # by the modules that the panel was made of
        unload()
        ScriptedLoadableModuleWidget.onReload(self)


class LiverTumorAttentionTest(ScriptedLoadableModuleTest):
    """A test that needs no child process; the thorough ones are in Testing/Slicer."""

    def runTest(self) -> None:
        """Without a portal venous volume a run cannot start, and the reason is given."""
        slicer.mrmlScene.Clear()
        logic = __getattr__("LiverTumorAttentionLogic")()
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        volume.SetAndObserveImageData(vtk.vtkImageData())
        assert "portal venous" in logic.problem(None, None, "demonstration")
        assert "same volume" in logic.problem(volume, volume, "demonstration")
        assert logic.problem(volume, None, "demonstration") == ""


def __getattr__(name: str) -> Any:
    """Return the logic's class, which scripts expect in this file by Slicer's convention."""
    if name != "LiverTumorAttentionLogic":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from LiverTumorAttentionGui.segmentation import LiverTumorAttentionLogic

    return LiverTumorAttentionLogic
