"""The overview of a cohort as one HTML page that needs nothing else: no network, no other file.

It is written anew while the cohort runs, row by row from the cases' files: the page is never in memory as a whole. Its
script sorts and filters what is on the page, and may do nothing else (content security policy).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionLib import NOT_FOR_CLINICAL_USE, __version__
from LiverTumorAttentionLib.cohort.outliers import FEWEST, reasons
from LiverTumorAttentionLib.cohort.tables import read_case_report
from LiverTumorAttentionLib.cohort.task import PREVIEW_FILE, THUMBNAIL_FILE
from LiverTumorAttentionLib.io.atomic_write import replacing
from LiverTumorAttentionLib.models import ModelDescription
from LiverTumorAttentionLib.pipeline.worklist import RESULT_FOLDER

if TYPE_CHECKING:
    from jinja2 import Environment

PAGE_FILE = "overview.html"
TEMPLATES = Path(__file__).resolve().parent / "templates"
MOST_THUMBNAILS = 3000
"""On a page; more of them a browser does not like."""
REFRESH_S = 20
_ROWS = "@ROWS@"
_NUMBERS = (
    *(
        "tumors",
        "liver_volume_ml",
        "tumor_volume_ml",
        "tumor_burden_percent",
        "largest_tumor_mm",
        "liver_portal_hu",
    ),
    *("registration", "warnings", "seconds"),
)
_VERDICTS = ("good", "doubtful", "refused")


def write_overview(
    folder: Path,
    names: Sequence[str],
    failures: Mapping[str, str],
    seconds: Mapping[str, float],
    total: int,
    *,
    running: bool,
    model: ModelDescription,
) -> None:
    """Write the page of a cohort. Raises `OutputError`.

    names: of the finished cases. failures: why others were not segmented. seconds: that cases took. total: of all
    cases. running: whether the page is to load itself anew.
    """
    rows, tumor_hu = [], []
    for name in names:
        report = read_case_report(folder / name)
        if report is not None:
            row = {**report.row, "seconds": f"{seconds[name]:.2f}" if name in seconds else ""}
            rows.append({key: row[key] for key in ("case", "first_warning", *_NUMBERS)})
            tumor_hu += [float(t["mean_portal_hu"]) for t in report.tumors if t.get("mean_portal_hu")]
    rows += [{"case": name, "failure": why} for name, why in failures.items()]
    weighted = list(zip(reasons(rows), rows, strict=True))
    weighted.sort(key=lambda each: -each[0][0])
    script = (TEMPLATES / "overview.js").read_text(encoding="utf-8")
    page = (
        _environment()
        .get_template("overview.html")
        .render(
            notice=NOT_FOR_CLINICAL_USE,
            version=__version__,
            model=model,
            total=total,
            finished=len(names),
            failed=len(failures),
            with_tumors=sum(int(row.get("tumors") or 0) > 0 for row in rows),
            to_look_at=sum(weight > 0 for (weight, _), _ in weighted),
            fewest=FEWEST,
            running=running,
            refresh_s=REFRESH_S,
            more_than_pictures=len(names) > MOST_THUMBNAILS,
            most_pictures=MOST_THUMBNAILS,
            charts=_charts(rows, tumor_hu),
            script=script,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            rows=_ROWS,
        )
    )
    before, _, after = page.partition(_ROWS)
    with replacing(folder / PAGE_FILE, name="overview") as part, part.open("w", encoding="utf-8") as file:
        file.write(before)
        file.writelines(_lines(folder, weighted))
        file.write(after)


def _charts(rows: Sequence[Mapping[str, str]], tumor_hu: Sequence[float]) -> list[tuple[str, Any]]:
    from LiverTumorAttentionLib.cohort.histogram import bars, histogram

    def values(column: str) -> list[float]:
        return [float(row[column]) for row in rows if row.get(column)]

    found = Counter(row.get("registration") or "one phase" for row in rows if "failure" not in row)
    verdicts = {word: found[word] for word in (*_VERDICTS, "one phase") if found[word]}
    return [
        ("Liver volume, mL", histogram(values("liver_volume_ml"))),
        ("Volume of all tumors, mL", histogram(values("tumor_volume_ml"))),
        ("Tumors a case", histogram(values("tumors"), whole=True)),
        ("Longest tumor diameter, mm", histogram([v for v in values("largest_tumor_mm") if v > 0])),
        ("Liver, portal venous, HU", histogram(values("liver_portal_hu"))),
        ("Tumors, portal venous, mean HU", histogram(tumor_hu)),
        ("Registration of the arterial phase", bars(verdicts)),
        ("Run time, s", histogram(values("seconds"))),
    ]


def _lines(
    folder: Path, weighted: Sequence[tuple[tuple[float, list[str]], Mapping[str, str]]]
) -> Iterator[str]:
    """Yield one JSON line a case, with its thumbnail."""
    for number, ((_, why), row) in enumerate(weighted):
        name = row["case"]
        picture = _picture(folder / name / THUMBNAIL_FILE) if number < MOST_THUMBNAILS else ""
        has_preview = "failure" not in row and (folder / name / RESULT_FOLDER / PREVIEW_FILE).is_file()
        values = [name, "failure" in row, why, picture, has_preview, *(_cell(row, key) for key in _NUMBERS)]
        # Within an element of the page nothing may look like its end.
        text = json.dumps(values, ensure_ascii=False).replace("<", "\\u003c")
        yield f"{',' if number else ''}{text}\n"


def _cell(row: Mapping[str, str], key: str) -> str | float | None:
    text = row.get(key, "")
    if key == "registration":
        return text
    return float(text) if text else None


def _picture(path: Path) -> str:
    try:
        return base64.b64encode(path.read_bytes()).decode("ascii")
    except OSError:
        return ""


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
