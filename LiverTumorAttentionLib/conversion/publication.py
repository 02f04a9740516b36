"""What the catalogue of public models says of a converted model, written into its model.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from LiverTumorAttentionLib.conversion.description import UNKNOWN_LICENCE
from LiverTumorAttentionLib.json_values import json_values
from LiverTumorAttentionLib.models.base_description import DESCRIPTION_FILE
from LiverTumorAttentionLib.models.public_models import PublicModel


def add_publication(folder: Path, published: PublicModel) -> None:
    """Add licence, source and training data of a public model to the model.json of a folder.

    What the model's own files say stays; the licence is that of the weights.
    """
    place = folder / DESCRIPTION_FILE
    values: dict[str, Any] = json_values(place.read_bytes())
    if values["licence"] == UNKNOWN_LICENCE and published.licence:
        values["licence"] = published.licence
    values["intended_use"] = (
        f"{values['intended_use']} Published by {published.publisher} as {published.title}."
    )
    values["training"]["published"] = {
        "by": published.publisher,
        "title": published.title,
        "page": published.page,
        "file": published.address,
        "checksums": dict(published.checksums),
        "trained_on": published.trained_on,
        "to_be_cited": published.cite,
        "read_in": published.facts_from,
    }
    for source in values["sources"]:
        source["attribution"] = source["attribution"] or published.cite
    place.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
