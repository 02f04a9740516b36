"""The settings that preparation depends on; recipes that agree in them share one folder of prepared cases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.models import StageDescription
from training.data.preparation.liver import identity
from training.recipes.recipe import Recipe

FORMAT = 1
"""Raised whenever the same settings would give other files, so that old ones are not taken for new ones."""
COARSE_LIVER = "coarse_liver"
"""The one setting that no recipe says."""
PHASES, MISSING, REGISTRATION = "stage.phases", "stage.missing_phase", "preparation.registration"


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How the cases of a folder are prepared."""

    stage: StageDescription
    """Its grid, phases, mask and intensities."""
    registration: str
    """See `PreparationSettings`."""
    either_phase: bool = False
    """Whether a network of one phase is trained on both, so that the arterial volume is prepared too."""
    liver_model: str | None = None
    """Model whose first stage finds the coarse liver, by its id or path; None takes the liver of the truth."""

    @classmethod
    def of(cls, recipe: Recipe, liver_model: str | None = None) -> Preparation:
        """Return the preparation that a recipe asks for."""
        if liver_model is not None and recipe.stage.name != "tumor":
            raise InputError(
                f"the recipe {recipe.name!r} works on whole volumes and needs no coarse liver: leave out the model"
            )
        return cls(
            stage=recipe.stage,
            registration=recipe.preparation.registration,
            either_phase=recipe.sampling.either_phase,
            liver_model=liver_model,
        )

    @property
    def crops(self) -> bool:
        """Whether the liver's box is cut out, as inference does for tumors."""
        return self.stage.name == "tumor"

    @property
    def phases(self) -> tuple[str, ...]:
        """The phases that are prepared."""
        return ("portal", "arterial") if self.either_phase else self.stage.phases

    @property
    def two_phase(self) -> bool:
        """Whether the arterial volume is prepared where there is one."""
        return "arterial" in self.phases

    @property
    def needs_arterial(self) -> bool:
        """Whether a case without an arterial volume is of no use."""
        return "arterial" in self.stage.phases and self.stage.missing_phase == "refuse"

    @property
    def checked_phases(self) -> tuple[str, ...] | None:
        """The phases that `check_cases` asks for; None lets it look at what there is."""
        return self.phases if self.needs_arterial or not self.two_phase else None

    def settings(self) -> dict[str, Any]:
        """Return what decides, as values for JSON by their names in a recipe; what has no effect is None."""
        stage = self.stage
        values = {
            PHASES: self.phases,
            **{f"stage.grid.{name}": value for name, value in asdict(stage.grid).items()},
            "stage.intensity.percentiles": stage.intensity.percentiles,
            "stage.name": "tumor" if self.crops else "liver or liver_and_tumor",
            "stage.mask_dilation_mm": stage.mask_dilation_mm if self.crops else None,
            "stage.box_margin_mm": stage.box_margin_mm if self.crops else None,
            MISSING: ("refuse" if self.needs_arterial else "portal") if self.two_phase else None,
            REGISTRATION: self.registration if self.two_phase else None,
            COARSE_LIVER: self._coarse_liver(),
        }
        if (
            self.stage.intensity.liver_erosion_mm is not None
        ):  # not named otherwise: older folders stay of use
            values["stage.intensity.liver_erosion_mm"] = self.stage.intensity.liver_erosion_mm
        plain: dict[str, Any] = json.loads(json.dumps(values))
        return plain

    def _coarse_liver(self) -> str | None:
        if not self.crops:
            return None
        if self.liver_model is None:
            return "truth"
        return identity(self.liver_model)


def key_of(settings: Mapping[str, Any]) -> str:
    """Return a hash of settings and of the format of the prepared files, 64 hexadecimal digits."""
    text = json.dumps({"format": FORMAT, "settings": settings}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return the settings that differ, as "name is … there and … here"; empty when none does."""
    names = [name for name in {**there, **wanted} if there.get(name) != wanted.get(name)]
    return ", ".join(f"{name} is {there.get(name)} there and {wanted.get(name)} here" for name in names)


def shortcomings(there: Mapping[str, Any], recipe: Recipe) -> str:
    """Return the settings for which prepared cases do not serve a recipe; empty when they do.

    Any coarse liver will do, and a recipe of one phase needs no folder of its own beside one of two phases.
    """
    return _shortcomings(there, Preparation.of(recipe))


def shortcomings_for_stage(there: Mapping[str, Any], stage: StageDescription) -> str:
    """Return the settings for which prepared cases do not serve a trained stage, however they were registered."""
    return _shortcomings(there, Preparation(stage=stage, registration=there.get(REGISTRATION) or "library"))


def _shortcomings(there: Mapping[str, Any], preparation: Preparation) -> str:
    wanted = {**preparation.settings(), COARSE_LIVER: there.get(COARSE_LIVER)}
    if "arterial" not in wanted[PHASES]:
        wanted.update({name: there.get(name) for name in (PHASES, MISSING, REGISTRATION)})
    return differences(there, wanted)
