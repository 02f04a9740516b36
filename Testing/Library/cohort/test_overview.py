"""The overview page of a cohort, and which cases come first on it."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.cohort.histogram import bars, histogram
from LiverTumorAttentionLib.cohort.outliers import reasons
from LiverTumorAttentionLib.cohort.overview import write_overview
from LiverTumorAttentionLib.models import find_model
from Testing.Library.cohort.stub import report


def page(folder: Path, volumes: dict[str, float], failures: dict[str, str], **values: Any) -> str:
    for name, volume in volumes.items():
        (folder / name / "result").mkdir(parents=True)
        (folder / name / "result/report.json").write_text(json.dumps(report(volume)))
        (folder / name / "thumbnail.jpg").write_bytes(b"JPEG")
    model = find_model("demonstration").description
    given: dict[str, Any] = {"running": False, **values}
    write_overview(folder, list(volumes), failures, {}, len(volumes) + len(failures), model=model, **given)
    return (folder / "overview.html").read_text(encoding="utf-8")


def data(text: str) -> list[Any]:
    found = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    rows: list[Any] = json.loads(found[1])
    return rows


def test_outliers_come_first_each_with_its_reason(tmp_path: Path) -> None:
    volumes = {f"c{index}": 10.0 + index % 3 for index in range(12)} | {"odd": 900.0}
    rows = data(page(tmp_path, volumes, {"broken": "it is no CT"}))
    assert [row[0] for row in rows[:3]] == ["broken", "odd", "c0"]
    assert rows[0][1:3] == [True, ["it is no CT"]]
    assert rows[1][2] == ["tumor volume 900 mL, above the others (median 11.0 mL)"]
    assert rows[2][2] == []
    assert len(rows) == 14
    assert base64.b64decode(rows[1][3]) == b"JPEG"


def test_nothing_leaves_the_page_and_no_name_breaks_it(tmp_path: Path) -> None:
    text = page(tmp_path, {"a": 1.0}, {"b": "</script><script>alert(1)</script>"})
    assert data(text)[0][2] == ["</script><script>alert(1)</script>"]
    assert text.count("<script") == 2
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in text
    )
    assert not re.search(r"https?://|src=\"(?!data:)", text)
    assert "Not for clinical use" in text


def test_it_loads_itself_anew_only_while_the_cohort_runs(tmp_path: Path) -> None:
    assert 'http-equiv="refresh"' in page(tmp_path / "a", {"a": 1.0}, {}, running=True)
    assert 'http-equiv="refresh"' not in page(tmp_path / "b", {"a": 1.0}, {})


def test_few_cases_tell_nothing_of_what_is_usual() -> None:
    rows = [{"liver_volume_ml": "1000"}, {"liver_volume_ml": "1010"}, {"liver_volume_ml": "9000"}]
    assert [weight for weight, _ in reasons(rows)] == [0, 0, 0]


def test_the_modified_z_score_by_hand() -> None:
    # Values 0 to 9 and x: median 5, MAD 3, so x lies 3.5 from it at 5 + 3.5 * 3 / 0.6745 = 20.57.
    def row(value: int) -> dict[str, str]:
        return {"tumors": str(value)}

    rest = [row(value) for value in range(10)]
    assert reasons([*rest, row(20)])[-1] == (0.0, [])
    weight, texts = reasons([*rest, row(21)])[-1]
    assert round(weight, 3) == round(0.6745 * 16 / 3, 3)
    assert texts == ["number of tumors 21, above the others (median 5)"]


def test_what_a_case_tells_by_itself() -> None:
    refused, doubtful, good = ({"registration": grade} for grade in ("refused", "doubtful", "good"))
    warned = {"warnings": "2", "first_warning": "the slices are thick"}
    no_liver = {"liver_volume_ml": "0.0"}
    found = reasons([good, warned, doubtful, refused, no_liver])
    assert [weight for weight, _ in found] == [0, 5, 20, 30, 100]
    assert [texts for _, texts in found][1:] == [
        ["the slices are thick"],
        ["the registration is doubtful"],
        ["the registration is refused"],
        ["no liver was found"],
    ]


def test_histograms_count_every_value_between_round_edges() -> None:
    svg = str(histogram([0.0, 9.99, 10.0, 95.0, 199.0]))
    titles = re.findall(r"<title>(.*?)</title>", svg)
    assert sum(int(title.rpartition(": ")[2]) for title in titles) == 5
    assert titles[0] == "0 to 20: 3"
    assert re.findall(r"<title>(.*?)</title>", str(histogram([1, 1, 2], whole=True))) == [
        "1: 2",
        "2: 1",
    ]
    assert "no values" in str(histogram([]))
    assert "&lt;b&gt;: 2" in str(bars({"<b>": 2}))
    assert "<b>" not in str(bars({"<b>": 2}))
    assert "no values" in str(bars({}))


def test_the_words_below_bars_do_not_run_into_each_other() -> None:
    """At 6 units of the drawing a character, of letters 11 units high."""
    words = {"good": 123456, "doubtful": 123, "refused": 117, "one phase": 99999}
    texts = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" text-anchor="middle">(.*?)</text>', str(bars(words)))
    assert [text for _, _, text in texts] == [*map(str, words.values()), *words]
    lines: dict[str, list[tuple[float, float]]] = {}
    for x, y, text in texts:
        lines.setdefault(y, []).append((float(x) - 3 * len(text), float(x) + 3 * len(text)))
    for spans in lines.values():
        assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans))
