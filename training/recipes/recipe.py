"""A recipe: everything that decides how one row of a paper's table is trained, read from a YAML file.

A recipe names a `base`, the path of a file or the name of a recipe, whose values it takes over and changes; mappings
are merged key by key, everything else is replaced. Every value in the files says in a comment whether it is the paper's
or ours.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from LiverTumorAttentionLib.config_parsing import from_mapping, nearest, shown
from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.models.earlier_arguments import EARLIER
from LiverTumorAttentionLib.models.stage_description import IMPORTED_KEYS, PatchSettings, StageDescription
from LiverTumorAttentionLib.networks import network_entry, with_scaled_widths
from LiverTumorAttentionLib.regular_file import is_regular, reason
from LiverTumorAttentionLib.yaml_values import read_yaml_file
from training.recipes.interaction_settings import InteractionSettings
from training.recipes.settings import (
    FIRST_WEIGHTS,
    AugmentationSettings,
    EvaluationSettings,
    LoopSettings,
    LossSettings,
    OptimizerSettings,
    PaperRow,
    PreparationSettings,
    SamplingSettings,
    ScheduleSettings,
    SplitSettings,
    check_choice,
)

RECIPES_FOLDER = Path(__file__).resolve().parent
CLICKS = "click_unet"
"""The network that answers clicks."""
MOST_BASES = 20
"""Files that a recipe may stand on, one on the other."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training, apart from the data, the split's part and the seed."""

    name: str
    """Its path below `training/recipes` without ending, such as "paresseg/table4-msf-pa"; or the file's own name."""
    title: str
    """One line for tables and logs."""
    reproduces: tuple[PaperRow, ...]
    """Rows of tables; one training may stand in several."""
    stage: StageDescription
    """What the network is, what it is given, and how it is run over a volume; the same words as in model.json."""
    sampling: SamplingSettings
    """Where samples are cut, and in which proportions."""
    loss: LossSettings
    """What is minimized."""
    optimizer: OptimizerSettings
    """By which steps."""
    schedule: ScheduleSettings
    """For how long, and at which learning rates."""
    loop: LoopSettings
    """Batches, precision, validation and checkpoints."""
    split: SplitSettings
    """Which cases train and which test."""
    preparation: PreparationSettings = field(default_factory=PreparationSettings)
    """How the phases are aligned."""
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    """Random changes of a sample."""
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    """What of a test case is scored."""
    first_weights: str = "drawn"
    """"drawn" by the network's own rule; or "imagenet": its encoder starts as a ResNet trained on ImageNet."""
    source: str = ""
    """Where the paper says so: sections and tables."""
    interaction: InteractionSettings | None = None
    """How users are simulated, for a network that answers clicks; None for a stage of a model. `stage` then says how
    cases are prepared, and names the network."""

    def __post_init__(self) -> None:
        check_choice(f"recipe {self.name!r}: first_weights", self.first_weights, FIRST_WEIGHTS)
        problem = self._problem()
        if problem:
            raise InputError(f"recipe {self.name!r}: {problem}: correct it there")

    @property
    def sample_size(self) -> tuple[int, ...]:
        """Size of a training sample: (Y, X) or (Z, Y, X)."""
        if self.sampling.size is not None:
            return self.sampling.size
        if self.stage.slices is not None:
            return self.stage.slices.tile
        return cast("PatchSettings", self.stage.patches).patch  # a stage that is trained has one of the two

    def _problem(self) -> str | None:
        if self.stage.is_imported:
            return "stage: nnunet is for models that nnU-Net trained: give slices or patches"
        entry = network_entry(self.stage.network)
        if (self.interaction is not None) != (self.stage.network == CLICKS):
            return f"interaction: these settings belong to the network {CLICKS!r}, which needs them, and to no other"
        if self.interaction is not None:
            return self._interaction_problem()
        if len(entry.phases) != len(self.stage.phases):
            return (
                f"the network {self.stage.network!r} takes {', '.join(entry.phases)}; "
                f"the stage gives it {', '.join(self.stage.phases)}"
            )
        if entry.dimensions != len(self.sample_size):
            return f"the network {self.stage.network!r} is {entry.dimensions}D, its samples are {self.sample_size}"
        if self.loss.enhances_boundary and (
            self.stage.slices is None or self.stage.slices.neighbours < 1 or len(self.stage.classes) != 2
        ):
            return "the 3D BE-loss needs two classes and slices with at least one neighbour"
        if self.sampling.either_phase and len(self.stage.phases) != 1:
            return f"either_phase is for networks of one phase; {self.stage.network!r} takes both"
        problem = self._sampling_problem()
        if problem:
            return problem
        weights = self.loss.class_weights
        if weights is not None and len(weights) != len(self.stage.classes):
            return f"class_weights needs {len(self.stage.classes)} values, got {len(weights)}"
        return None

    def _interaction_problem(self) -> str | None:
        """Return what does not fit a network that answers clicks, or None."""
        if self.stage.name != "tumor" or self.stage.mask_dilation_mm is not None:
            return "the stage of a network that answers clicks is named tumor, without mask_dilation_mm"
        if self.stage.intensity.liver_window_hu is None:
            return "a network that answers clicks sees HU relative to the liver: give liver_window_hu"
        if self.loss.kind not in ("ce", "dice", "ce_dice"):
            return f"the loss of a network that answers clicks is ce, dice or ce_dice, not {self.loss.kind}"
        return None

    def _sampling_problem(self) -> str | None:
        """Return which setting of sampling or augmentation the stage has no use for, or None."""
        stage, sampling, augmentation = self.stage, self.sampling, self.augmentation
        if sampling.foreground_by == "lesion" and (stage.slices is None or stage.name != "tumor"):
            return "sampling: foreground_by lesion is for tumor stages on slices"
        if sampling.hard_share and "tumor" not in stage.class_groups:
            return "sampling: hard_share is for stages that find tumors"
        if sampling.jitter_mm and stage.slices is None:
            return "sampling: jitter_mm is for stages on slices"
        if augmentation.quarter_turns and self.sample_size[-1] != self.sample_size[-2]:
            return f"augmentation: quarter_turns is for samples as wide as high, not {self.sample_size}"
        if self.evaluation.tumor_threshold != EvaluationSettings().tumor_threshold and stage.name != "tumor":
            return "evaluation: tumor_threshold is for tumor stages; others take the most probable class"
        if augmentation.gamma and stage.intensity.percentiles is not None:
            return "augmentation: gamma is for stages with a window"
        if (
            augmentation.liver_roughness_mm or any(augmentation.liver_margin_mm)
        ) and not stage.mask_dilation_mm:
            return "augmentation: liver_margin_mm and liver_roughness_mm are for stages with mask_dilation_mm"
        of_arterial = augmentation.registration_error_mm or augmentation.registration_failure_share
        if of_arterial and (stage.slices is None or "arterial" not in stage.phases):
            return "augmentation: the registration error is for stages on slices that take the arterial phase"
        alone = stage.name in ("liver", "tumor")
        if augmentation.organ_lesion_share and (not alone or stage.slices is None):
            return (
                "augmentation: organ_lesion_share is for stages on slices that find the liver or tumors alone"
            )
        if augmentation.portal_for_arterial_share and "arterial" not in stage.phases:
            return "augmentation: portal_for_arterial_share is for stages that take the arterial phase"
        return None


def recipe_names() -> list[str]:
    """Return the names of all recipes in `training/recipes`; files called `base` and `_…` are no recipes."""
    paths = sorted(RECIPES_FOLDER.rglob("*.yaml"))
    return [
        path.relative_to(RECIPES_FOLDER).with_suffix("").as_posix()
        for path in paths
        if path.stem != "base" and not path.stem.startswith("_")
    ]


def read_recipe(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe by its name below `training/recipes` or by the path of a file.

    overrides: values by their dotted name, such as {"stage.arguments.width": 8}; they win over the files.
    Raises `InputError` for a file that cannot be read, an unknown key (with the nearest known one), or values that
    do not fit each other.
    """
    path = Path(name_or_path)
    name = path.stem
    if path.suffix not in (".yaml", ".yml"):
        name = str(name_or_path)
        path = RECIPES_FOLDER / f"{name}.yaml"
        if name not in recipe_names():
            raise InputError(f"there is no recipe {name!r}{nearest(name, recipe_names())}")
    elif is_regular(path) and RECIPES_FOLDER in path.resolve().parents:
        name = path.resolve().relative_to(RECIPES_FOLDER).with_suffix("").as_posix()
    values = _merged(path)
    for dotted, value in (overrides or {}).items():
        _set(values, dotted, value)
    return recipe_from(_with_present_arguments(values), name)


def _with_present_arguments(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a recipe's values that name what a run or a model from before an argument's time does not.

    A stage that does not name such an argument has its earlier value (`models.earlier_arguments`); one that is read
    to train anew has the network's default, a width that follows from `width` as a number.
    """
    stage = values.get("stage")
    if not isinstance(stage, Mapping) or not isinstance(stage.get("arguments", {}), Mapping):
        return values
    added = EARLIER.get(str(stage.get("network")), {})
    if not added:
        return values
    defaults = inspect.signature(network_entry(stage["network"]).build).parameters
    present = {name: defaults[name].default for name in added}
    arguments = with_scaled_widths(stage["network"], {**present, **stage.get("arguments", {})})
    return {**values, "stage": {**stage, "arguments": arguments}}


def recipe_from(values: Mapping[str, Any], name: str) -> Recipe:
    """Return the recipe of plain values. Raises `InputError` as `read_recipe` does."""
    where = f"recipe {name!r}"
    given = values.get("stage", {})
    if not isinstance(given, Mapping):
        raise InputError(
            f"{where}: stage must hold named settings, got {shown(given)}: see the recipes that come along"
        )
    stage = {**given, "weights": "untrained.safetensors", "sha256": "0" * 64}
    try:
        return from_mapping(Recipe, {**values, "name": name, "stage": stage}, where=where)
    except ModelError as error:
        raise InputError(f"{where}: {str(error).removeprefix('model.json: ')}") from error


def to_values(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as plain values for JSON or YAML, of which `recipe_from` makes an equal recipe."""
    values = asdict(recipe)
    for of_a_model in ("weights", "sha256"):  # a recipe has no weights yet
        del values["stage"][of_a_model]
    for of_other_programs in IMPORTED_KEYS:
        del values["stage"][of_other_programs]
    if recipe.interaction is None:  # as runs from before it say nothing of it
        del values["interaction"]
    plain: dict[str, Any] = _plain(values)
    return plain


def _plain(value: Any) -> Any:
    """Return a value with lists in place of tuples, all the way down."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _merged(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the values of a file on top of those of its base."""
    try:
        path = path.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"cannot read the recipe {shown(str(path))}: {reason(error)}: check the path"
        ) from error
    if path in seen or len(seen) > MOST_BASES:
        raise InputError(
            f"the recipe {path} is its own base: {' <- '.join(file.name for file in (*seen, path))}"
            ": remove one of these lines"
            if path in seen
            else f"the recipe {seen[0]} stands on more than {MOST_BASES} others: write its values into fewer files"
        )
    values = read_yaml_file(path, "the recipe")
    if not isinstance(values, dict):
        raise InputError(f"the recipe {path} holds no settings: write them as KEY: VALUE")
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise InputError(
            f"the recipe {path}: base must be the path of a file or the name of a recipe, got {base!r}"
            ": correct it"
        )
    below = path.parent / base if base.endswith((".yaml", ".yml")) else RECIPES_FOLDER / f"{base}.yaml"
    return _over(_merged(below, (*seen, path)), values)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below` with the values of `above`, mappings key by key."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _over(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _set(values: dict[str, Any], dotted: str, value: Any) -> None:
    """Set a value by its dotted name."""
    *parents, last = dotted.split(".")
    for name in parents:
        inner = values.get(name, {})
        if not isinstance(inner, dict):
            raise InputError(
                f"{dotted!r}: {name!r} holds a value, no settings: leave out what follows its name"
            )
        values[name] = dict(inner)
        values = values[name]
    values[last] = value
