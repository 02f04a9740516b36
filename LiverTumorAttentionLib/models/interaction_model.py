"""A model that answers clicks: a folder or zip with a `model.json` of kind "interaction" and one file of weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from LiverTumorAttentionLib.models.one_network_model import OneNetworkDescription, OneNetworkPackage

BUNDLED = Path(__file__).resolve().parent.parent / "data" / "clicks"
"""Folder of the model that ships with the library."""


@dataclass(frozen=True, kw_only=True)
class InteractionDescription(OneNetworkDescription):
    """The `model.json` of a model that answers clicks; its network's input is `correction.click_network.channels`."""

    KIND: ClassVar[str] = "interaction"
    FORMAT: ClassVar[int] = 1
    DOES: ClassVar[str] = "answers clicks"


class InteractionPackage(OneNetworkPackage[InteractionDescription]):
    """A model that answers clicks, on disk. path: its folder or zip. Raises `ModelError`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, InteractionDescription)
