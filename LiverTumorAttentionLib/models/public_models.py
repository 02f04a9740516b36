"""Public models that others publish: where they are, under which licence, made from what. Links alone."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.config_parsing import from_mapping, nearest, shown
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.json_values import load_json
from LiverTumorAttentionLib.regular_file import is_regular, open_regular, reason

CATALOGUE_FILE = Path(__file__).resolve().parent.parent / "data" / "catalogue.json"
CHECKSUM_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64}
NO_LICENCE = "not stated where the publisher describes it: ask the publisher before you use it"
NO_CHECKSUM = "the publisher states none"
_CHUNK_BYTES = 1 << 22


@dataclass(frozen=True, kw_only=True)
class PublicModel:
    """One model of the catalogue, as its publisher describes it."""

    id: str
    """Short name in the catalogue; installed models have ids of their own."""
    title: str
    """Name shown to the user."""
    publisher: str
    """Who publishes it."""
    page: str
    """Address of the page that describes it."""
    address: str
    """Address of the file to download."""
    made_with: str
    """Program that trained it: "nnU-Net v2", "nnU-Net v1" or "MONAI"."""
    finds: tuple[str, ...]
    """What of use here it finds: "liver", "tumor", "vessel"."""
    licence: str | None = None
    """SPDX name of the licence of the weights; None where none was found."""
    trained_on: str
    """What it was trained on."""
    needs: tuple[str, ...] = ()
    """What it needs beside a portal venous CT."""
    cite: str
    """What to cite: an address."""
    checksums: dict[str, Any] = field(default_factory=dict)
    """Checksums of the file by algorithm, as the publisher states them; {} where there are none."""
    facts_from: str
    """Where all this was read."""

    def __post_init__(self) -> None:
        for name, digest in self.checksums.items():
            if not re.fullmatch(rf"[0-9a-f]{{{CHECKSUM_DIGITS.get(name, 0)}}}", str(digest)):
                raise ModelError(
                    f"catalogue.json: {self.id}: {shown(digest)} is no checksum {shown(name)}: correct it"
                )

    def lines(self) -> list[tuple[str, str]]:
        """Return what a user should know of it: names and texts, in the order in which they are shown."""
        digests = "; ".join(f"{name} {digest}" for name, digest in self.checksums.items())
        return [
            ("From", f"{self.publisher}, {self.page}"),
            ("Download", self.address),
            ("Licence of the weights", self.licence or NO_LICENCE),
            ("Finds", ", ".join(self.finds)),
            ("Trained on", self.trained_on),
            ("Needs", "; ".join(("a portal venous CT", *self.needs))),
            ("Made with", self.made_with),
            ("To be cited", self.cite),
            ("Checksum", digests or NO_CHECKSUM),
            ("Read in", self.facts_from),
        ]

    def check(self, file: Path) -> bool:
        """Compare a downloaded file with the checksums; return whether there are any.

        Raises `ModelError` where one differs or the file cannot be read.
        """
        for name, stated in self.checksums.items():
            found = _digest(file, name)
            if found != stated:
                raise ModelError(
                    f"{file.name} is not the file that {self.publisher} published as {self.title}: its {name} is "
                    f"{found[:12]}…, stated is {str(stated)[:12]}…: download it again from {self.address}"
                )
        return bool(self.checksums)


def public_models() -> tuple[PublicModel, ...]:
    """Return the models of the catalogue."""
    return _catalogue(CATALOGUE_FILE)


def public_model(name: str) -> PublicModel:
    """Return a model of the catalogue. Raises `ModelError` that names the nearest."""
    known = {model.id: model for model in public_models()}
    if name not in known:
        raise ModelError(f"the catalogue has no model {shown(name)}{nearest(name, known)}")
    return known[name]


def published_as(file: Path) -> PublicModel | None:
    """Return the model of the catalogue that a downloaded file is by its checksums; None where it is none of them."""
    stated = [model for model in public_models() if model.checksums]
    algorithms = {name for model in stated for name in model.checksums}
    if not algorithms or not is_regular(file):
        return None
    found = {name: _digest(file, name) for name in algorithms}
    for model in stated:
        if all(found[name] == digest for name, digest in model.checksums.items()):
            return model
    return None


@lru_cache(maxsize=2)
def _catalogue(path: Path) -> tuple[PublicModel, ...]:
    values = load_json(path)
    return tuple(
        from_mapping(PublicModel, one, where="catalogue.json", error=ModelError) for one in values["models"]
    )


def _digest(file: Path, name: str) -> str:
    digest = hashlib.new(name, usedforsecurity=False)
    try:
        with open_regular(file) as opened:
            while chunk := opened.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise ModelError(
            f"{file.name} cannot be read ({reason(error)}): give the file that was downloaded"
        ) from error
    return digest.hexdigest()
