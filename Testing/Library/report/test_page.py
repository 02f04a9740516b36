"""The page: every number is one of the JSON, nothing is loaded, nothing that was given becomes HTML."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.pipeline.jobs import ReviewJob
from LiverTumorAttentionLib.report import ReportContent, report_case
from LiverTumorAttentionLib.report.page import number, volume
from LiverTumorAttentionLib.tumor_columns import PAGE_SIZE_COLUMNS
from Testing.Library.report.cases import PLAN, REPORT, write_case

VOID = {"meta", "input", "br", "path", "line", "image", "use"}


class Page(HTMLParser):
    """A page taken apart.

    texts: (text, its element, the attributes of that). tags: how often each element occurs. addresses: all that a
    browser could load. open: elements that were not closed.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[tuple[str, str, dict[str, str | None]]] = []
        self.tags: dict[str, int] = {}
        self.addresses: list[str] = []
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.handlers: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        values = dict(attrs)
        self.addresses += [values[name] or "" for name in ("src", "href", "data", "action") if name in values]
        self.handlers += [name for name in values if name.startswith("on")]
        if tag not in VOID:
            self.open.append((tag, values))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open:
            self.texts.append((" ".join(data.split()), *self.open[-1]))

    @property
    def words(self) -> str:
        """All that a reader sees."""
        return " ".join(text for text, tag, _ in self.texts if tag not in ("style", "title"))


def leaves(values: Any) -> Iterator[Any]:
    """Return everything that JSON values hold."""
    if isinstance(values, dict):
        for value in values.values():
            yield from leaves(value)
    elif isinstance(values, list):
        for value in values:
            yield from leaves(value)
    else:
        yield values


def report(folder: Path, **changes: Any) -> tuple[Page, dict[str, Any], str, ReportContent]:
    """Write a report; return its page, its numbers, its HTML and what it holds."""
    values = {"output": str(folder / "page.html"), "json": str(folder / "numbers.json"), **changes}
    content = report_case(ReviewJob(**values))
    html = Path(values["output"]).read_text(encoding="utf-8")
    return Page(html), json.loads(Path(values["json"]).read_text(encoding="utf-8")), html, content


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_case(tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="module")
def full(paths: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ...]:
    return report(tmp_path_factory.mktemp("full"), **paths, patient_name="Ada O'Brien-Núñez")


def check_numbers(page: Page, values: dict[str, Any]) -> int:
    """Return how many numbers the page has; every one is in the values, and rounded as it should be."""
    numbers = [
        leaf for leaf in leaves(values) if isinstance(leaf, int | float) and not isinstance(leaf, bool)
    ]
    strings = {" ".join(leaf.split()) for leaf in leaves(values) if isinstance(leaf, str)}
    strings |= {column.title for column in PAGE_SIZE_COLUMNS}  # "Longest 3D diameter"
    count = 0
    for text, tag, attributes in page.texts:
        if tag == "style" or "formula" in (attributes.get("class") or ""):
            continue
        value = attributes.get("value") if tag == "data" else attributes.get("data-value")
        if value is not None:
            assert float(value) in numbers, text
            digits = len(text.partition(".")[2])
            assert text.replace("\N{MINUS SIGN}", "-").lstrip("+-") == f"{abs(float(value)):.{digits}f}"
            assert (text[0] == "\N{MINUS SIGN}") == (
                float(value) < 0 and float(f"{float(value):.{digits}f}") != 0
            )
            count += 1
        elif re.search(r"\d", text):
            plain = text.rstrip(".")
            assert any(plain.lower() in string.lower() for string in strings), text
    return count


def test_every_number_on_the_page_is_in_the_json(full: tuple[Any, ...]) -> None:
    page, values, _, _ = full
    assert check_numbers(page, values) > 150


def test_the_json_holds_what_the_library_measures(full: tuple[Any, ...]) -> None:
    _, values, _, content = full
    assert values == content.as_dict()
    assert values["case"]["tumor_count"] == len(values["tumors"]) == 2
    first = values["tumors"][0]
    assert first["measurement"]["volume_ml"] == pytest.approx(4 / 3 * np.pi * 0.512, rel=0.05)
    assert first["brightness"]["contrast_portal_hu"] == pytest.approx(-50, abs=1)
    assert first["brightness"]["washout_hu"] == pytest.approx(70, abs=2)
    assert first["measurement"]["mean_probability"] == 0.875
    assert first["nearest_vessel"] == "vessel 2"
    assert [resection["cut_tumors"] for resection in values["plan"]["resections"]] == [[], [1]]
    assert values["notice"] == "Not for clinical use."


def test_what_a_reader_looks_for_is_there(full: tuple[Any, ...]) -> None:
    words = full[0].words
    for text in (
        "Ada O'Brien-Núñez",
        *("Liver, tumors included", "Share of the liver", "Longest axial diameter", "To liver surface"),
        *(
            "Nearest vessel",
            "Washout",
            "Arterial \N{MINUS SIGN} portal difference",
            "Late rim (capsule)",
            "Probability",
            "vessel 1",
            "Safety margins",
        ),
        *("right side", "Resection 2", "Smallest margin", "Tumors cut or touched", "cut or touched"),
        *("from the front", "from the patient's right", "from below", "arterial", "portal venous"),
        *("Toy model", "Trained on nothing.", "Registration of the arterial phase: good"),
        *("The livers overlap well.", "never a diagnosis"),
    ):
        assert text in words, text
    assert words.lower().count("not for clinical use") == 2
    assert words.startswith("Not for clinical use.")
    assert words.index("Not for clinical use.", 30) > words.index("What the numbers are")


def test_it_needs_nothing_but_itself(full: tuple[Any, ...]) -> None:
    page, _, html, _ = full
    assert page.open == []
    assert page.handlers == []
    assert "script" not in page.tags
    assert len(page.addresses) > 10
    for address in page.addresses:
        assert address.startswith(("data:image/png;base64,", "#"))
    assert "url(" not in html
    assert "@import" not in html
    assert "http:" not in html
    assert "https:" not in html
    identifiers = re.findall(r'id="([^"]+)"', html)
    assert len(set(identifiers)) == len(identifiers)
    assert {address[1:] for address in page.addresses if address[0] == "#"} <= set(identifiers)
    assert "default-src 'none'" in html


def test_phases_stand_side_by_side_under_the_same_lines(full: tuple[Any, ...], tmp_path: Path) -> None:
    page, values, html, _ = full
    figures = re.findall(r'<div class="phases">.*?</div>', html, re.DOTALL)
    assert len(figures) == 2
    for place, figure in enumerate(figures):
        assert re.findall(r"<figcaption>(.*?)</figcaption>", figure) == [
            "native", "arterial", "portal venous", "delayed",
        ]  # fmt: skip
        assert figure.count("<use ") == 3
        lengths = [float(text) for text in re.findall(r'data-value="([\d.]+)"', figure)]
        measured = values["tumors"][place]["measurement"]
        assert lengths == [measured["longest_axial_diameter_mm"], measured["perpendicular_diameter_mm"]]
        pictures = []
        for part in re.findall(r"base64,([^\"]+)", figure):
            (tmp_path / "p.png").write_bytes(base64.b64decode(part))
            pictures.append(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "p.png"))))
        assert pictures[0].shape == pictures[1].shape
        middle = tuple(length // 2 for length in pictures[0].shape)
        bright = [float(picture[middle]) for picture in pictures[1:3]]
        hu = [measured["mean_hu_arterial"], measured["mean_hu_portal"]]
        assert (bright[0] > bright[1]) == (hu[0] > hu[1])
    assert page.tags["figure"] == 3 + 2 * 4 + 3 * 2


EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>{{ 7*7 }}&amp;"


def test_nothing_that_is_given_becomes_html(
    paths: dict[str, str], tmp_path: Path, full: tuple[Any, ...]
) -> None:
    """Names of patient, vessels and plans, and every text of the run's report."""
    plan = json.loads(json.dumps(PLAN))
    plan["margins"][0]["name"] = plan["resections"][0]["name"] = EVIL
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    run = json.loads(json.dumps(REPORT))
    run["version"] = run["registration"]["reason"] = run["registration"]["kept"] = EVIL
    run["model"] = {"id": EVIL, "title": EVIL, "version": EVIL, "statement": EVIL, "sha256": {EVIL: EVIL}}
    run["phases"], run["warnings"] = [EVIL], ["<b>" + EVIL.replace("'", "")]
    run["registration"]["grade"] = "<i>doubtful"
    (tmp_path / "report.json").write_text(json.dumps(run))
    labels = sitk.ReadImage(paths["vessels"])
    sitk.WriteImage(labels, str(tmp_path / "vessels.seg.nrrd"))
    named = write_named_vessels(tmp_path / "named.seg.nrrd", labels, [EVIL, "second " + EVIL])
    changes = {
        "plan": str(tmp_path / "plan.json"),
        "report": str(tmp_path / "report.json"),
        "vessels": str(named),
        "patient_name": EVIL,
    }
    page, values, html, _ = report(tmp_path, **{**paths, **changes})
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert page.handlers == []
    assert page.open == []
    assert page.words.count("alert(1)") > 10
    assert not re.search(r"\b49\b(?!\.)", page.words)
    assert EVIL in page.words
    assert "<script" not in html
    allowed = set(full[0].tags)
    assert set(page.tags) <= allowed
    assert values["plan"]["margins"][0]["name"] == EVIL


def write_named_vessels(path: Path, labels: sitk.Image, names: list[str]) -> Path:
    """Write vessels with names of their own, as a viewer does."""
    array = sitk.GetArrayFromImage(labels)
    image = sitk.GetImageFromArray(array.astype(np.uint8))
    image.CopyInformation(labels)
    extent = "0 {} 0 {} 0 {}".format(*(length - 1 for length in image.GetSize()))
    for place, name in enumerate(names):
        for key, text in (
            ("ID", f"Segment_{place}"),
            ("Name", name),
            ("LabelValue", str(place + 1)),
            ("Layer", "0"),
            ("Extent", extent),
        ):
            image.SetMetaData(f"Segment{place}_{key}", text)
    sitk.WriteImage(image, str(path))
    return path


def test_nothing_identifies_a_patient_unless_it_is_asked_for(paths: dict[str, str], tmp_path: Path) -> None:
    """The run's report holds a path with a name; so do the paths of the case."""
    _, values, html, _ = report(tmp_path, **paths)
    assert any("'…'" in warning for warning in values["warnings"])
    words = re.sub(r"base64,[A-Za-z0-9+/=]+", "", html)  # in which any three letters may stand
    for text in (words, json.dumps(values)):
        assert "Doe" not in text
        assert Path(paths["portal"]).parent.name not in text
        assert 'class="patient"' not in text
    _, values, html, _ = report(tmp_path, **paths, patient_name="Jane Doe")
    assert '<p class="patient"><bdi>Jane Doe</bdi></p>' in html
    assert "Doe" not in json.dumps(values)


def test_the_portal_phase_alone_without_anything_else(paths: dict[str, str], tmp_path: Path) -> None:
    page, values, _, _ = report(tmp_path, portal=paths["portal"], segmentation=paths["segmentation"])
    assert values["phases"] == ["portal"]
    assert values["plan"] is None
    assert values["run"] is None
    assert "Washout" not in page.words
    assert "Nearest vessel" not in page.words
    assert page.tags["figure"] == 3 + 2
    assert check_numbers(page, values) > 50


def test_each_phase_is_told_with_its_registration(paths: dict[str, str], tmp_path: Path) -> None:
    told = json.loads(Path(paths["report"]).read_text())
    told["further_registrations"] = {"delayed": {**told["registration"], "grade": "doubtful"}}
    (tmp_path / "report.json").write_text(json.dumps(told))
    given = {name: paths[name] for name in ("portal", "segmentation", "arterial", "delayed", "native")}
    job = ReviewJob(
        **given,
        report=str(tmp_path / "report.json"),
        output=str(tmp_path / "c.html"),
        json=str(tmp_path / "c.json"),
    )
    report_case(job)
    html = (tmp_path / "c.html").read_text(encoding="utf-8")
    words = Page(html).words
    assert "with the arterial phase (registration: good), the delayed phase (registration: doubtful)" in words
    assert "the native phase." in words
    assert "Registration of the delayed phase: doubtful" in words
    numbers = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert numbers["phases"] == ["portal", "arterial", "delayed", "native"]
    first = numbers["tumors"][0]["measurement"]
    assert (round(first["mean_hu_delayed"]), round(first["mean_hu_native"])) == (55, 40)


def test_a_case_without_a_tumor(tmp_path: Path) -> None:
    paths = write_case(tmp_path, tumors=False)
    page, values, _, _ = report(tmp_path, **{**paths, "plan": None})
    assert "The segmentation holds no tumor. That is no proof that there is none." in page.words
    assert values["tumors"] == []
    assert values["case"]["tumor_count"] == 0
    assert page.tags["figure"] == 3
    assert check_numbers(page, values) > 10


def test_a_curved_cut_with_a_plane_is_one_resection_and_is_drawn(
    paths: dict[str, str], tmp_path: Path
) -> None:
    points = [[-42 + dx, 17.5 + dy, 103 - 0.01 * dx * dx] for dx in (-20, 0, 20) for dy in (-15, 15)]
    surface = {"points_lps_mm": points, "toward_lps": [0, 0, 1]}
    plane = {"point_lps_mm": [-42, 17.5, 103], "normal_lps": [-1, 0, 0.2]}
    strokes = {}
    for name, cuts in (("curved", {}), ("both", {"planes": [plane], "combine": "any"})):
        plan = tmp_path / f"{name}.json"
        plan.write_text(json.dumps({"resections": [{"surface": surface, **cuts}]}))
        given = {"portal": paths["portal"], "segmentation": paths["segmentation"], "plan": str(plan)}
        page, _, html, _ = report(tmp_path, **given)
        strokes[name] = html.count('class="plane"')
        assert "Curved surface through 6 points" in page.words
        assert ("beyond any of them and the surface is resected" in page.words) == (name == "both")
    assert 0 < strokes["curved"] < strokes["both"]


def test_a_changed_segmentation_is_said(full: tuple[Any, ...], paths: dict[str, str], tmp_path: Path) -> None:
    assert any("is not as the run left it" in warning for warning in full[1]["warnings"])
    run = json.loads(json.dumps(REPORT))
    case = full[1]["case"]
    run["liver"] = {"volume_ml": case["liver_volume_ml"], "tumor_volume_ml": case["tumor_volume_ml"]}
    (tmp_path / "report.json").write_text(json.dumps(run))
    _, values, _, _ = report(tmp_path, **{**paths, "report": str(tmp_path / "report.json")})
    assert not any("is not as the run left it" in warning for warning in values["warnings"])


def test_the_same_case_gives_the_same_page(
    full: tuple[Any, ...], paths: dict[str, str], tmp_path: Path
) -> None:
    assert report(tmp_path, **paths, patient_name="Ada O'Brien-Núñez")[2] == full[2]


@pytest.mark.parametrize(
    ("value", "digits", "signed", "shown"),
    [
        (12.345, 1, False, "12.3"),
        (-12.0, 0, False, "\N{MINUS SIGN}12"),
        (4.6, 0, True, "+5"),
        (-0.2, 0, True, "0"),
        (0.0, 1, True, "0.0"),
        (-0.04, 1, False, "0.0"),
    ],
)
def test_numbers_for_the_eye(value: float, digits: int, signed: bool, shown: str) -> None:
    assert number(value, digits, signed=signed) == f'<data value="{value!r}">{shown}</data>'


def test_units_and_what_was_not_measured() -> None:
    assert number(None, 1, "mm") == '<span class="nothing" title="not measured">\N{EN DASH}</span>'
    assert number(2.0, 1, "<mm>") == '<data value="2.0">2.0</data>\N{NO-BREAK SPACE}&lt;mm&gt;'
    assert volume(9.994).startswith('<data value="9.994">9.99</data>')
    assert volume(10.0).startswith('<data value="10.0">10.0</data>')
