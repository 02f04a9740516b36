"""What the panel shows at once: sections, notice, colors, tooltips, outlines."""

from __future__ import annotations

import pytest

from Testing.Slicer import study_cases

LIGHT, DARK = ("#efefef", "#ffffff"), ("#353535", "#2b2b2b", "#1e1e1e")
"""Windows of Slicer's themes, and backgrounds near them."""


def luminance(color):
    """Relative luminance of an sRGB color (WCAG 2.1)."""
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_messages_can_be_read_in_both_themes(panel):
    import qt

    from LiverTumorAttentionGui import feedback

    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    application = qt.QApplication.instance()
    before = application.palette()
    try:
        for windows in (LIGHT, DARK):
            for window in windows:
                palette = qt.QPalette(before)
                palette.setColor(qt.QPalette.Window, qt.QColor(window))
                application.setPalette(palette)
                for style in (feedback.error_style(), feedback.warning_style()):
                    color = style.removeprefix("color: ").removesuffix(";")
                    assert contrast(color, window) >= 4.5, (color, window)
    finally:
        application.setPalette(before)


def test_inputs_and_segment_are_open_first(panel):
    ui = panel.ui
    assert not ui.inputsButton.collapsed
    assert not ui.segmentSectionButton.collapsed
    assert ui.correctButton.collapsed
    assert ui.reviewButton.collapsed


def test_the_notice_does_not_scroll(panel, monkeypatch):
    import qt
    import slicer

    window = qt.QMainWindow()
    monkeypatch.setattr(slicer.util, "mainWindow", lambda: window, raising=False)

    def notices():
        bar = window.statusBar()
        return [each.text for each in bar.findChildren(qt.QLabel) if not each.isHidden()]

    panel.leave()
    assert notices() == []
    panel.enter()
    assert notices() == ["Liver Tumor Attention: not for clinical use"]
    panel.leave()
    assert notices() == []


def test_every_control_has_a_tooltip(panel, study):
    import qt

    kinds = (qt.QPushButton, qt.QComboBox, qt.QCheckBox, qt.QLineEdit, qt.QDoubleSpinBox)
    bare = sorted(
        name
        for name, widget in vars(panel.ui).items()
        if isinstance(widget, kinds) and not widget.toolTip and not name.startswith("qt_")
    )
    assert bare == []


def test_a_margin_is_an_outline_and_a_cut_stands_first(panel, study, wait_until):
    from LiverTumorAttentionGui.review.plan_segments import MARGIN_SEGMENT

    ui = panel.ui
    ui.marginGroupBox.checked = True
    wait_until(lambda: "mL" in ui.marginLabel.text, "the margin is shown")
    display = study.segmentation.GetNodeReference("MarginSegmentation").GetDisplayNode()
    assert not display.GetSegmentVisibility2DFill(MARGIN_SEGMENT)
    assert display.GetSegmentVisibility2DOutline(MARGIN_SEGMENT)
    assert ui.cutLabel.isHidden()
    ui.addPlaneButton.click()
    plane = study.segmentation.GetNodeReference("ResectionPlane")
    plane.SetOriginWorld(study_cases.ras_of(study, study_cases.BALLS[2][0]))
    wait_until(lambda: "Tumor 2" in ui.cutLabel.text, "the cut is told")
    assert ui.cutLabel.text.startswith("Cut: ")
    assert ui.cutLabel.styleSheet
    assert not ui.cutLabel.isHidden()
    assert "Cut:" not in ui.resectionLabel.text
