"""The bench's stand-ins behave as the real widgets do where a panel can tell the difference."""

from __future__ import annotations

import types

import pytest


def load(text, tmp_path):
    import slicer

    path = tmp_path / "panel.ui"
    path.write_text(
        f'<ui version="4.0"><widget class="QWidget" name="top"><layout class="QVBoxLayout">'
        f"<item>{text}</item></layout></widget></ui>"
    )
    widget = slicer.util.loadUI(str(path))
    return widget, slicer.util.childWidgetVariables(widget)


def box_with_labels(class_name, tmp_path):
    return load(
        f'<widget class="{class_name}" name="box"><layout class="QVBoxLayout">'
        '<item><widget class="QLabel" name="first"><property name="text"><string>a</string></property></widget></item>'
        '<item><widget class="QLabel" name="second"><property name="text"><string>b</string></property></widget></item>'
        "</layout></widget>",
        tmp_path,
    )


@pytest.mark.parametrize("class_name", ["ctkCollapsibleButton", "ctkCollapsibleGroupBox"])
def test_a_closed_box_hides_its_content(scene, tmp_path, class_name):
    top, ui = box_with_labels(class_name, tmp_path)
    top.show()
    height = ui.box.height
    assert ui.first.visible
    ui.box.collapsed = True
    assert not ui.first.visible
    assert not ui.second.visible
    assert ui.box.maximumHeight < height
    ui.second.visible = False
    ui.first.visible = True
    assert not ui.first.visible, "shown while the box is closed, it waits until the box opens"
    ui.box.collapsed = False
    assert ui.first.visible
    assert not ui.second.visible, "hidden while the box was closed, it stays hidden"


def test_a_click_closes_a_collapsible_button(scene, tmp_path):
    _, ui = box_with_labels("ctkCollapsibleButton", tmp_path)
    heard = []
    ui.box.connect("contentsCollapsed(bool)", heard.append)
    ui.box.click()
    ui.box.click()
    assert heard == [True, False]


def test_slider_keeps_its_value_within_bounds_and_decimals(scene, tmp_path):
    import ctk

    slider, heard = ctk.ctkSliderWidget(), []
    slider.connect("valueChanged(double)", heard.append)
    slider.minimum, slider.maximum, slider.decimals, slider.suffix = 1.0, 5.0, 1, " mm"
    slider.value = 7.0
    assert slider.value == 5.0
    slider.setValue(2.26)
    assert slider.value == pytest.approx(2.3)
    assert heard == [1.0, 5.0, pytest.approx(2.3)]
    with pytest.raises(AttributeError, match="setMinimum"):
        slider.setMinimum(0)


def test_slider_without_tracking_tells_its_value_once_it_is_let_go(scene):
    import ctk

    slider, changing, changed = ctk.ctkSliderWidget(), [], []
    slider.maximum = 10.0
    slider.tracking = False
    slider.connect("valueIsChanging(double)", changing.append)
    slider.connect("valueChanged(double)", changed.append)
    slider._slider.setSliderDown(True)
    slider._slider.setSliderPosition(500)
    assert (changing, changed) == ([5.0], [])
    slider._slider.setSliderDown(False)
    assert changed == [5.0]


def test_tables_have_the_manners_of_pythonqt(application):
    import qt

    table = qt.QTableWidget()
    table.setRowCount(2)
    table.columnCount = 3
    assert (table.rowCount, table.columnCount, table.currentRow()) == (2, 3, -1)
    table.horizontalHeader().stretchLastSection = True
    assert table.horizontalHeader().stretchLastSection
    with pytest.raises(AttributeError, match="stretch"):
        table.verticalHeader().stretch = True
    table.selectionBehavior = qt.QAbstractItemView.SelectRows
    table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
    item = qt.QTableWidgetItem("12.5")
    item.setFlags(item.flags() & ~qt.Qt.ItemIsEditable)
    item.setData(qt.Qt.UserRole, 7)
    table.setItem(1, 0, item)
    table.selectRow(1)
    assert (table.currentRow(), table.item(1, 0).text(), table.item(1, 0).data(qt.Qt.UserRole)) == (
        1,
        "12.5",
        7,
    )


def test_file_dialogs_give_the_name_alone(application, monkeypatch):
    from PySide6 import QtWidgets

    monkeypatch.setattr(
        QtWidgets.QFileDialog, "getSaveFileName", lambda *_: ("/folder/report.html", "HTML (*.html)")
    )
    import qt

    assert qt.QFileDialog.getSaveFileName(None, "Save", "", "HTML (*.html)") == "/folder/report.html"


def test_segment_editor_follows_its_node(scene):
    import slicer

    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    segmentation.SetNodeReferenceID(segmentation.GetReferenceImageGeometryReferenceRole(), volume.GetID())
    for name in ("Liver", "Tumor 1"):
        segmentation.GetSegmentation().AddEmptySegment(name, name)
    editor, heard = slicer.qMRMLSegmentEditorWidget(), []
    editor.connect("segmentationNodeChanged(vtkMRMLSegmentationNode*)", heard.append)
    editor.connect("currentSegmentIDChanged(QString)", heard.append)
    editor.setMRMLScene(scene)
    editor.setSegmentationNode(segmentation)
    assert editor.segmentationNode() is None, "without a segment editor node nothing is chosen"
    editor.setMRMLSegmentEditorNode(scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    editor.setSegmentationNode(segmentation)
    assert editor.sourceVolumeNode() is volume
    editor.mrmlSegmentEditorNode().SetSelectedSegmentID("Tumor 1")
    assert heard == [segmentation, "Liver", "Tumor 1"]
    editor.setEffectNameOrder(["Paint", "Erase"])
    editor.unorderedEffectsVisible = False
    assert editor.effectCount() == 2
    editor.setActiveEffectByName("Paint")
    editor.activeEffect().setParameter("BrushRelativeDiameter", 3)
    assert editor.activeEffect().integerParameter("BrushRelativeDiameter") == 3
    editor.setActiveEffectByName("Stamp")
    assert editor.activeEffect() is None
    assert not editor.grab().isNull()
    with pytest.raises(AttributeError, match="setUnorderedEffectsVisible"):
        editor.setUnorderedEffectsVisible(True)


def numbers(**annotated):
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    body = {"__annotations__": annotated}
    return parameterNodeWrapper(type("Numbers", (), body))


def test_numbers_live_in_the_parameter_node(scene):
    from typing import Annotated

    from slicer.parameterNodeWrapper import Default, WithinRange

    margin = Annotated[float, WithinRange(0.0, 30.0), Default(10.0)]
    node = scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    wrapped = numbers(margin=margin, number=int)(node)
    assert (wrapped.margin, wrapped.number) == (10.0, 0)
    wrapped.margin = 12.5
    assert numbers(margin=margin, number=int)(node).margin == 12.5
    with pytest.raises(ValueError, match="within range"):
        wrapped.margin = 31.0
    with pytest.raises(TypeError, match="type"):
        wrapped.number = 1.5
    with pytest.raises(ValueError, match="None"):
        wrapped.number = None
    assert (wrapped.margin, wrapped.number) == (12.5, 0)


def test_numbers_are_shown_by_spin_boxes_and_sliders(scene):
    from typing import Annotated

    import ctk
    import qt
    from slicer.parameterNodeWrapper import Default, WithinRange

    kinds = {
        "margin": Annotated[float, WithinRange(0.0, 30.0), Default(10.0)],
        "weight": float,
        "number": Annotated[int, WithinRange(1, 9), Default(2)],
    }
    wrapped = numbers(**kinds)(scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    gui = types.SimpleNamespace(
        slider=ctk.ctkSliderWidget(), spin=qt.QDoubleSpinBox(), count=qt.QSpinBox(), other=qt.QLabel()
    )
    for widget, name in ((gui.slider, "margin"), (gui.spin, "weight"), (gui.count, "number")):
        widget.setProperty("SlicerParameterName", name)
    tag = wrapped.connectGui(gui)
    assert (gui.slider.value, gui.slider.maximum, gui.count.value) == (10.0, 30.0, 2)
    assert gui.spin.maximum > 1e300, "without bounds, those of the widget are taken off"
    gui.slider.value = 5.0
    gui.count.value = 3
    assert (wrapped.margin, wrapped.number) == (5.0, 3)
    wrapped.weight = 70.5
    assert gui.spin.value == 70.5
    wrapped.disconnectGui(tag)
    gui.slider.value = 6.0
    assert wrapped.margin == 5.0


def test_connections_that_slicer_refuses_are_refused(scene):
    import ctk
    import qt

    wrapped = numbers(margin=float)(scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    for widget, words in ((ctk.ctkSliderWidget(), "unbounded"), (qt.QSpinBox(), "Unable to create")):
        widget.setProperty("SlicerParameterName", "margin")
        with pytest.raises(RuntimeError, match=words):
            wrapped.connectGui(types.SimpleNamespace(widget=widget))
