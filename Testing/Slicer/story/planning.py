"""Steps 10 to 14: measures, a margin, a cut, a report, and what Slicer-Liver is given."""

from __future__ import annotations

import csv
import html.parser
import json
from typing import Any

import numpy as np
import SimpleITK as sitk
import slicer
from scipy import ndimage

from LiverTumorAttentionLib.wording import measured, quantity
from Testing.Slicer.story.telling import Telling
from Testing.Slicer.story.truth import union

MARGIN_MM = 10.0
WEIGHT_KG = 70.0
_SIZES = ("volume_ml", "longest_axial_diameter_mm", "perpendicular_diameter_mm")
_IN_SPACE = "longest_3d_diameter_mm"


def measure(story: Telling) -> None:
    """The panel's table is the library's review, and each tumor has two lines in the views."""
    from LiverTumorAttentionLib.analysis import review_case

    ui, place = story.panel.active_case, story.center_of(story.living[0])
    story.hands.press("measureButton")
    story.ui.diametersCheckBox.click()
    study = ui.study
    review = review_case(
        ui.instances(), study.portal_image(), study.arterial_image(), study.probability_image()
    )
    table = story.ui.reviewTable
    assert [tumor.number for tumor in review.tumors] == story.living
    assert table.rowCount == len(review.tumors)
    for row, tumor in enumerate(review.tumors):
        texts = [table.item(row, column).text() for column in range(3)]
        size = tumor.measurement
        longest, across = size.longest_axial_diameter_mm, size.perpendicular_diameter_mm
        diameters = f"{quantity(longest, 'mm')} × {quantity(across, 'mm')}"
        assert texts[:2] == [f"Tumor {tumor.number}", quantity(size.volume_ml, "mL")]
        assert texts[2].split("\n")[0] == diameters
        voxels = np.count_nonzero(story.lesions[tumor.number])
        volume_ml = voxels * float(np.prod(story.truth.spacing_mm)) / 1000.0
        assert abs(size.volume_ml - volume_ml) < 1e-6 * volume_ml
    lines = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLMarkupsLineNode")
    assert lines == 2 * len(review.tumors)
    longest_axial = slicer.util.getNode(f"Tumor {story.living[0]} longest diameter")
    place = _middle(longest_axial)
    story.noted["review"] = review
    story.album.page("Measured: diameters are lines in the views.", "review", at=place)


def lay_a_margin(story: Telling) -> None:
    """The margin holds what lies within 10 mm of a tumor inside the liver, and nothing else."""
    story.ui.marginGroupBox.checked = True
    story.ui.marginSlider.value = MARGIN_MM
    story.hands.rest()
    tumors = union(story.lesions, story.truth.tumor)
    label = story.ui.marginLabel.text
    plan = _planner(story).margin(MARGIN_MM)
    assert label.startswith(
        f"{measured(plan.volume_ml, 'mL')} with the tumors, {plan.liver_percent:.1f} % of the liver"
    )
    node = story.segmentation.GetNodeReference("MarginSegmentation")
    shown = slicer.util.arrayFromSegmentBinaryLabelmap(node, "Margin", story.sample.portal) != 0
    np.testing.assert_array_equal(shown, sitk.GetArrayFromImage(plan.mask) != 0)
    away_mm = ndimage.distance_transform_edt(~tumors, sampling=story.truth.spacing_mm)
    liver = sitk.GetArrayFromImage(story.panel.active_case.instances()) > 0
    # Away from the centres of the tumors' voxels; the margin is laid around the voxels as boxes.
    half_voxel_mm = float(np.linalg.norm(story.truth.spacing_mm)) / 2.0
    assert (away_mm[shown] <= MARGIN_MM + half_voxel_mm).all(), "nothing beyond the margin's width"
    assert shown[liver & (away_mm <= MARGIN_MM)].all(), "all of the liver within it"
    assert not shown[~liver & ~tumors].any(), "nothing outside of the liver"
    story.noted["margin"] = label
    story.album.page(
        "A safety margin: 10 mm around all tumors.", "review", at=story.center_of(story.living[0])
    )


def cut_with_a_plane(story: Telling) -> None:
    """While a plane is dragged the numbers change; where it comes to rest they are the library's."""
    story.hands.press("addPlaneButton")
    story.ui.weightSpinBox.value = WEIGHT_KG
    story.hands.rest()
    before = story.ui.resectionLabel.text
    plane = story.segmentation.GetNodeReference("ResectionPlane")
    first = story.living[0]
    center = np.array(story.center_of(first))
    away = np.array(plane.GetOriginWorld()) - center
    direction = -away / np.linalg.norm(away)
    origin = center - 45.0 * direction
    changes = story.hands.drag(plane, tuple(origin), tuple(direction))
    assert changes >= 3, "the numbers follow the plane while it is dragged"
    story.hands.rest()
    after = story.ui.resectionLabel.text
    assert after != before
    plan = _planner(story).resection([_cut(plane)], weight_kg=WEIGHT_KG)
    lines = [
        f"Resected volume: {measured(plan.resected_ml, 'mL')} ({plan.resected_percent:.1f} %)",
        f"Future liver remnant (FLR): {measured(plan.remnant_ml, 'mL')} ({plan.remnant_percent:.1f} %)",
        f"{plan.remnant_ml_per_kg:.1f} mL/kg",
    ]
    for line in lines:
        assert line in after, f"{line!r} is not in {after!r}"
    story.ui.resectedCheckBox.click()
    story.hands.rest()
    story.noted |= {"plane": plane, "resection": after, "plan": plan}
    story.album.page(
        f"A cut: the plane was dragged, and takes out {plan.resected_ml:.0f} mL.", "review", at=tuple(center)
    )


def export_the_report(story: Telling) -> None:
    """Page, table and numbers say the same, and what the panel says."""
    page = story.folder / "report.html"
    story.panel.review.export.choose_file = lambda _parent, _name: str(page)
    story.hands.press("reportButton")
    story.hands.wait(lambda: not story.panel.review.export.running, "the report is written")
    assert "report.html is written" in story.ui.reviewStatusLabel.text, story.ui.reviewStatusLabel.text
    numbers = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    with page.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        rows = {int(row["tumor"]): row for row in csv.DictReader(file)}
    shown = _Numbers.of(page.read_text(encoding="utf-8"))
    reviewed = {tumor.number: tumor for tumor in story.noted["review"].tumors}
    told = {tumor["measurement"]["number"]: tumor for tumor in numbers["tumors"]}
    assert set(told) == set(rows) == set(reviewed)
    for number, tumor in told.items():
        size, review = tumor["measurement"], reviewed[number]
        told_of = [(size[name], name, getattr(review.measurement, name)) for name in _SIZES]
        told_of.append((tumor[_IN_SPACE], _IN_SPACE, review.longest_3d_diameter_mm))
        for value, column, expected in told_of:
            assert abs(value - expected) < 1e-6 * expected, "the report and the panel"
            text = rows[number][column]
            digits = len(text.partition(".")[2])
            assert digits > 0
            assert text == f"{value:.{digits}f}", "the table and the numbers"
            assert value in shown, "the page and the numbers"
    plan, (resection,) = story.noted["plan"], numbers["plan"]["resections"]
    for name in ("resected_ml", "remnant_ml", "remnant_ml_per_kg"):
        assert abs(resection[name] - getattr(plan, name)) < 1e-6 * getattr(plan, name), name
        assert resection[name] in shown, name
    assert [margin["margin_mm"] for margin in numbers["plan"]["margins"]] == [MARGIN_MM]
    assert "ot for clinical use" in page.read_text(encoding="utf-8")
    story.album.page("The report: written beside its numbers.", "review")


def hand_over(story: Telling) -> None:
    """Slicer-Liver finds its segmentation, its portal venous volume, and the codes of the segments."""
    story.hands.press("handOverButton")
    assert story.ui.reviewStatusLabel.text.startswith("Ready for Slicer-Liver")
    assert story.segmentation.GetAttribute("LiverSegmentation.Role") == "canonical"
    assert story.sample.portal.GetAttribute("LiverRole") == "PortalVenous"
    segments = story.segmentation.GetSegmentation()
    count = segments.GetNumberOfSegments()
    # The third field of an entry is the type; the anatomy behind it is the liver for tumors, too.
    types = [_tag(segments.GetNthSegment(n), "TerminologyEntry").split("~")[2] for n in range(count)]
    assert sum("^10200004^" in each for each in types) == 1
    assert sum("^4147007^" in each for each in types) == len(story.hands.rows())
    story.album.page("Handed over: Slicer-Liver finds liver and tumors.", "review")


def _planner(story: Telling) -> Any:
    """Return the library's planner on what the scene holds."""
    from LiverTumorAttentionLib.analysis.planning import Planner

    return Planner(story.panel.active_case.instances())


def _cut(plane: Any) -> Any:
    """Return a plane's markup as the library takes it: LPS."""
    from LiverTumorAttentionLib.analysis.planning import CutPlane

    x, y, z = plane.GetOriginWorld()
    a, b, c = plane.GetNormalWorld()
    return CutPlane(point_lps_mm=(-x, -y, z), normal_lps=(-a, -b, c))


def _middle(line: Any) -> tuple[float, float, float]:
    ends = np.array([line.GetNthControlPointPositionWorld(index) for index in (0, 1)])
    x, y, z = ends.mean(axis=0)
    return float(x), float(y), float(z)


def _tag(segment: Any, name: str) -> str:
    import vtk

    text = vtk.mutable("")
    segment.GetTag(name, text)
    return str(text)


class _Numbers(html.parser.HTMLParser):
    """Collects the numbers of a page, which are whole in its source."""

    def __init__(self) -> None:
        super().__init__()
        self.values: set[float] = set()

    @classmethod
    def of(cls, page: str) -> set[float]:
        """Return the numbers of a page."""
        reader = cls()
        reader.feed(page)
        return reader.values

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "data":
            self.values.add(float(dict(attrs)["value"] or "nan"))
