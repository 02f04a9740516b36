"""The manifest of a folder of prepared cases.

manifest.json           the settings that decided the preparation, a key made of them, and of every case:
                        where it came from, the hashes of those files, and whether it is done or why not
cases/<name>/           see `training.data.preparation.prepare_case`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LiverTumorAttentionLib.config_parsing import nearest
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import replacing
from LiverTumorAttentionLib.json_values import load_json
from LiverTumorAttentionLib.models import StageDescription
from LiverTumorAttentionLib.regular_file import MIB
from training.data.case import PreparedCase, SourceCase
from training.data.preparation.entry import DONE, Entry
from training.data.preparation.plan import FORMAT, key_of, shortcomings, shortcomings_for_stage
from training.recipes.recipe import Recipe

if TYPE_CHECKING:
    import SimpleITK as sitk

MANIFEST_FILE = "manifest.json"
CASES_FOLDER = "cases"
MOST_BYTES = 512 * MIB
"""Of manifest.json, which names every file of every case."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a folder of prepared cases holds."""

    folder: Path
    settings: Mapping[str, Any]
    """What decided the preparation, by its names in a recipe."""
    entries: Mapping[str, Entry]
    """Every case by its name, prepared or not."""

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read manifest.json. Raises `InputError` when there is none or it cannot be used."""
        path = folder / MANIFEST_FILE
        try:
            values = load_json(path, most_bytes=MOST_BYTES)
            if values["format"] != FORMAT:
                raise InputError(
                    f"'{folder}' was prepared by another version of this program (format {values['format']}, "
                    f"now {FORMAT}): prepare it again into another folder"
                )
            return cls(
                folder=folder,
                settings=values["settings"],
                entries={name: Entry.read(entry) for name, entry in values["cases"].items()},
            )
        except FileNotFoundError as error:
            raise InputError(f"there are no prepared cases in '{folder}': run `prepare` first") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"'{path}' cannot be read ({error}): delete it and run `prepare` again, which takes over what is done"
            ) from error

    @property
    def key(self) -> str:
        """The hash of the settings and of the format; prepared cases carry it too."""
        return key_of(self.settings)

    def cases(self) -> list[PreparedCase]:
        """Return the cases that are prepared, by name. Raises `InputError` when one is damaged."""
        done = sorted(name for name, entry in self.entries.items() if entry.state == DONE)
        return [PreparedCase.read(self.folder / CASES_FOLDER / name) for name in done]

    def source(self, name: str) -> SourceCase:
        """Return the case as its data set holds it. Raises `InputError` for an unknown name."""
        if name not in self.entries:
            raise InputError(
                f"there is no case {name!r} in '{self.folder}'{nearest(name, list(self.entries))}"
            )
        return self.entries[name].source

    def registration(self, name: str) -> sitk.Transform | None:
        """Return the transform that resampled the prepared arterial volume onto the portal one.

        It maps portal points to arterial ones, LPS mm, and is the identity where a registration was refused.
        None where the case was prepared without an arterial volume. Raises `InputError`.
        """
        from training.data.preparation.arterial import read_transform

        return read_transform(self.folder / CASES_FOLDER / name, self.source(name))

    def check_fits(self, recipe: Recipe) -> None:
        """Raise `InputError` naming what differs when the folder was prepared for other settings."""
        different = shortcomings(self.settings, recipe)
        if different:
            raise InputError(
                f"'{self.folder}' was not prepared for the recipe {recipe.name!r} ({different}): prepare for this "
                "recipe into another folder"
            )

    def check_serves(self, stage: StageDescription, title: str) -> None:
        """Raise `InputError` naming what differs when the folder was prepared for another kind of stage.

        title: how the message calls what the stage belongs to.
        """
        different = shortcomings_for_stage(self.settings, stage)
        if different:
            raise InputError(
                f"'{self.folder}' was not prepared for {title} ({different}): name a folder that was prepared for its "
                "recipe"
            )

    def write(self) -> None:
        """Write manifest.json whole. Raises `OutputError`."""
        values = {
            "format": FORMAT,
            "key": self.key,
            "settings": self.settings,
            "cases": {name: self.entries[name].values() for name in sorted(self.entries)},
        }
        with replacing(self.folder / MANIFEST_FILE, name="manifest") as temporary:
            temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
