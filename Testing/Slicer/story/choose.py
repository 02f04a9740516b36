"""Pick a few pages of the story for the README.

python -m Testing.Slicer.story.choose build/story Resources/Screenshots
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

PAGES = {
    "a-lesion-smaller-than-asked-for": "story-missed.png",
    "added-with-one-click": "story-added.png",
    "measured": "story-measured.png",
    "a-cut": "story-cut.png",
}
"""Names of pages, and of the pictures that the README shows."""
MOST_BYTES = 200_000
_COLORS = 256


def choose(album: Path, target: Path) -> None:
    """Copy the pages with fewer colours. Raises `SystemExit` when one is not there or too large."""
    target.mkdir(parents=True, exist_ok=True)
    for page, name in PAGES.items():
        found = sorted(album.glob(f"[0-9][0-9]-{page}.png"))
        if len(found) != 1:
            raise SystemExit(f"{album} holds {len(found)} pages {page!r}, not one: run `make story`")
        path = target / name
        with Image.open(found[0]) as picture:
            # Median cut would give small tumors the colours of others.
            few = picture.convert("RGB").quantize(
                _COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
            )
            few.save(path, optimize=True)
        if path.stat().st_size > MOST_BYTES:
            raise SystemExit(f"{path} has {path.stat().st_size} bytes; at most {MOST_BYTES} are wanted")


if __name__ == "__main__":
    choose(Path(sys.argv[1]), Path(sys.argv[2]))
