"""The overview page of a cohort in a browser: pictures of it, what it weighs, and how long loading and sorting take.

    pip install playwright; apt-get install chromium
    python -m Testing.trials.overview --cases 3 40 2000 --browser /usr/bin/chromium --pictures build/overview \
        --output Testing/trials/results

Reports are drawn at random around the numbers of real livers, thumbnails are those of phantoms with as many tumors, at
most 3: the page is the one that `cohort` writes of them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from LiverTumorAttentionLib.cohort.overview import PAGE_FILE, write_overview
from LiverTumorAttentionLib.cohort.task import THUMBNAIL_FILE
from LiverTumorAttentionLib.io import replacing
from LiverTumorAttentionLib.models import find_model
from LiverTumorAttentionLib.phantoms import generate_phantom
from LiverTumorAttentionLib.pictures.thumbnail import write_thumbnail
from LiverTumorAttentionLib.pipeline.outputs import write_json

WIDTHS = {"wide": (1400, 1000), "narrow": (390, 844)}
MOST_PICTURED = 3
MOST_SECONDS = 300
GRADES = ("good",) * 17 + ("doubtful", "refused") + (None,)
SORTED_BY = "Liver mL"
WARNING = "the arterial volume covers 71 % of the liver seen in the portal volume"
FAILURE = "the portal volume shows no liver: choose another series, or check that it is a CT of the abdomen"


def draw_report(draw: np.random.Generator) -> dict[str, Any]:
    """Return a report of a case that never was."""
    liver = float(draw.lognormal(np.log(1550), 0.2))
    volumes = draw.lognormal(np.log(3), 1.5, int(draw.geometric(0.35) - 1))
    tumors = [
        {
            "number": number,
            "volume_ml": float(volume),
            "longest_axial_diameter_mm": float(12.4 * volume ** (1 / 3) * draw.uniform(1, 1.3)),
            "perpendicular_diameter_mm": float(12.4 * volume ** (1 / 3)),
            "slice_index": 40,
            "centroid_lps_mm": [0.0, 0.0, 0.0],
            "mean_hu_portal": float(draw.normal(68, 14)),
            "sd_hu_portal": 9.0,
            "mean_probability": 0.8,
        }
        for number, volume in enumerate(volumes, 1)
    ]
    grade = GRADES[draw.integers(len(GRADES))]
    return {
        "version": "generated",
        "model": {"id": "generated", "version": "0"},
        "phases": ["portal", "arterial"] if grade else ["portal"],
        "phase_estimates": {
            "portal": {"phase": "portal", "confidence": 0.9, "hu": {"liver": float(draw.normal(107, 11))}}
        },
        "registration": {"grade": grade} if grade else None,
        "warnings": [WARNING] if draw.random() < 0.03 else [],
        "liver": {
            "volume_ml": liver,
            "tumor_volume_ml": float(volumes.sum()),
            "tumor_burden_percent": float(100 * volumes.sum() / liver),
        },
        "tumors": tumors,
    }


def thumbnails(folder: Path) -> list[bytes]:
    """Return the JPEGs of phantoms with 0, 1, 2, … tumors."""
    found = []
    for count in range(MOST_PICTURED + 1):
        phantom = generate_phantom(count, size="small", lesions=count)
        path = folder / "picture.jpg"
        write_thumbnail(path, phantom.portal, phantom.instances)
        found.append(path.read_bytes())
    return found


def write_page(folder: Path, count: int, pictures: list[bytes]) -> float:
    """Write a generated cohort and its page; return the seconds that the page took."""
    draw = np.random.default_rng(count)
    names, failures, seconds = [], {}, {}
    for number in range(count):
        name = f"study-{number + 1:04d}"
        if count > 3 and draw.random() < 0.004:
            failures[name] = FAILURE
            continue
        names.append(name)
        seconds[name] = float(draw.lognormal(np.log(40), 0.25))
        (folder / name / "result").mkdir(parents=True)
        report = draw_report(draw)
        write_json(folder / name / "result/report.json", report)
        (folder / name / "result/preview.png").touch()
        (folder / name / THUMBNAIL_FILE).write_bytes(pictures[min(len(report["tumors"]), MOST_PICTURED)])
    begun = time.monotonic()
    model = find_model("demonstration").description
    write_overview(folder, names, failures, seconds, count, running=False, model=model)
    return time.monotonic() - begun


def look(page: Path, browser: Any, pictures: Path | None, count: int) -> dict[str, Any]:
    """Load the page at every width, sort and filter it, and return what was found."""
    said: list[str] = []
    found: dict[str, Any] = {}
    for name, (width, height) in WIDTHS.items():
        tab = browser.new_page(viewport={"width": width, "height": height})
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: said.append(request.url) if "http" in request.url[:5] else None)
        tab.set_default_timeout(1000 * MOST_SECONDS)
        counts = tab.context.new_cdp_session(tab)
        counts.send("Performance.enable", {"timeDomain": "threadTicks"})
        begun = time.monotonic()
        tab.goto(page.as_uri())
        tab.wait_for_selector("#rows tr")
        tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        found[f"{name}_seconds_to_load"] = round(time.monotonic() - begun, 2)
        metrics = {each["name"]: each["value"] for each in counts.send("Performance.getMetrics")["metrics"]}
        found[f"{name}_seconds_of_processor_to_load"] = round(metrics["TaskDuration"], 2)
        found[f"{name}_wider_than_the_window_pixels"] = tab.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if pictures is not None:
            tab.screenshot(path=str(pictures / f"overview-{count}-{name}.png"))
            tab.locator("h2").first.scroll_into_view_if_needed()
            tab.evaluate("document.querySelector('h2').scrollIntoView()")
            tab.screenshot(path=str(pictures / f"overview-{count}-{name}-table.png"))
        if name == "wide":
            found |= _sorted(tab, SORTED_BY)
        tab.close()
    return {**found, "console_and_requests": said}


def _sorted(tab: Any, heading: str) -> dict[str, Any]:
    """Click a heading twice; return whether the column fell and then rose, and the time of a click."""
    seconds, right = [], []
    for falling in (True, False):
        begun = time.monotonic()
        tab.locator("th", has_text=heading).first.click()
        seconds.append(time.monotonic() - begun)
        texts = tab.locator("#rows tr td:nth-child(5)").all_inner_texts()
        values = [float(text) for text in texts if text != "\u2013"]
        right.append(values == sorted(values, reverse=falling) and len(values) > 1)
    return {"sorts_falling_then_rising": right, "seconds_of_a_click": round(max(seconds), 2)}


def main() -> int:
    """Write the pages, look at them, and write what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, nargs="+", default=[3, 40, 2000])
    parser.add_argument("--browser", default="/usr/bin/chromium", help="a Chromium")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the pages")
    parser.add_argument("--beside", default="nothing else", help="what else the machine did, for the record")
    parser.add_argument("--output", type=Path, help="folder for overview.json")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    if options.pictures is not None:
        options.pictures.mkdir(parents=True, exist_ok=True)
    pages: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="lta-overview-") as name, sync_playwright() as playwright:
        pictures = thumbnails(Path(name))
        browser = playwright.chromium.launch(executable_path=options.browser, args=["--no-sandbox"])
        version = browser.version
        for count in options.cases:
            folder = Path(name) / f"{count}"
            folder.mkdir()
            seconds = write_page(folder, count, pictures)
            size = (folder / PAGE_FILE).stat().st_size / 2**20
            pages[f"{count} cases"] = {
                "seconds_to_write": round(seconds, 2),
                "mib": round(size, 2),
                **look(folder / PAGE_FILE, browser, options.pictures, count),
            }
        browser.close()
    command = f"python -m Testing.trials.overview --cases {' '.join(map(str, options.cases))}"
    found = {
        "pages": pages,
        "chromium": version,
        "cores": os.cpu_count(),
        "beside": options.beside,
        "command": command,
    }
    print(json.dumps(found, indent=1))
    if options.output is not None:
        with replacing(options.output / "overview.json") as part:
            write_json(part, found, indent=1)
    broken = [
        page
        for page in pages.values()
        if page["console_and_requests"] or not all(page["sorts_falling_then_rising"])
    ]
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
