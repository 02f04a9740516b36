"""The bench itself: it refuses what Slicer would refuse, and it loses no exception."""

from __future__ import annotations

import sys

import pytest


def load(text, tmp_path):
    import slicer

    path = tmp_path / "panel.ui"
    path.write_text(
        f'<ui version="4.0"><widget class="qMRMLWidget" name="top"><layout class="QVBoxLayout">'
        f"<item>{text}</item></layout></widget></ui>"
    )
    return slicer.util.childWidgetVariables(slicer.util.loadUI(str(path)))


def test_properties_are_attributes(application):
    import qt

    label = qt.QLabel()
    label.text = "liver"
    assert label.text == "liver"
    assert qt.QTimer.singleShot is not None
    with pytest.raises(AttributeError, match="'txt' does not exist on QLabel"):
        label.txt = "liver"
    with pytest.raises(AttributeError):
        label.txt  # noqa: B018


def test_signals_are_connected_by_signature(application):
    import qt

    button, heard = qt.QPushButton(), []

    def hear(checked):
        heard.append(checked)

    button.connect("clicked(bool)", hear)
    button.click()
    button.disconnect("clicked(bool)", hear)
    button.click()
    assert heard == [False]
    with pytest.raises(ValueError, match=r"no signal clickked\(bool\)"):
        button.connect("clickked(bool)", hear)


@pytest.mark.parametrize(
    ("widget", "words"),
    [
        (
            '<widget class="QLabel" name="a"><property name="txt"><string>x</string></property></widget>',
            "txt",
        ),
        (
            '<widget class="qMRMLNodeComboBox" name="a"><property name="nodeType"><string>x</string></property>'
            "</widget>",
            "nodeType",
        ),
        (
            '<widget class="ctkCollapsibleButton" name="a"><property name="open"><bool>true</bool></property></widget>',
            "open",
        ),
    ],
)
def test_ui_files_with_unknown_properties_are_refused(scene, tmp_path, widget, words):
    with pytest.raises(ValueError, match=f"has no property {words}"):
        load(widget, tmp_path)


def test_stand_ins_refuse_what_the_real_classes_lack(scene, tmp_path):
    ui = load('<widget class="qMRMLNodeComboBox" name="a"/>', tmp_path)
    with pytest.raises(ValueError, match="it has currentNodeChanged"):
        ui.a.connect("currentNodeChanged(QString)", print)
    with pytest.raises(AttributeError):
        ui.a.setNode(None)
    with pytest.raises(AttributeError, match="does not exist"):
        ui.a.node = None
    from Testing.bench import facts

    with pytest.raises(TypeError, match="has no invented"):
        facts.refuse_inventions(type("qMRMLWidget", (), {"invented": 1}), "qMRMLWidget")


def test_node_list_follows_the_scene(scene, tmp_path):
    ui = load(
        '<widget class="qMRMLNodeComboBox" name="a"><property name="nodeTypes"><stringlist>'
        "<string>vtkMRMLScalarVolumeNode</string></stringlist></property></widget>",
        tmp_path,
    )
    heard = []
    ui.a.setMRMLScene(scene)
    ui.a.connect("currentNodeChanged(vtkMRMLNode*)", heard.append)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    assert ui.a.currentNode() is node, "without None as an entry, the first node is chosen"
    scene.RemoveNode(node)
    assert heard == [node, None]


def test_exception_in_a_slot_reaches_the_hook(application, monkeypatch):
    import qt

    caught = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: caught.append(error))
    button = qt.QPushButton()
    button.connect("clicked(bool)", lambda _: 1 / 0)
    button.click()
    assert [type(error) for error in caught] == [ZeroDivisionError]
