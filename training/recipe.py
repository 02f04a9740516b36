"""A recipe: everything that decides how one row of a paper's table is trained, read from a YAML file.

A recipe names a `base`, the path of a file or the name of a recipe, whose values it takes over and changes; mappings
are merged key by key, everything else is replaced. Every value in the files says in a comment whether it is the paper's
or ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, cast

import yaml

from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.models.stage import PatchSettings, StageDescription
from LiverTumorAttentionLib.networks import network_entry
from LiverTumorAttentionLib.strict import from_mapping, nearest
from training.yaml_values import read_yaml

CONFIGS = Path(__file__).resolve().parent / "configs"

LOSSES = ("ce", "dice", "ce_dice", "weighted_ce", "boundary_enhanced")
PRECISIONS = ("float32", "bfloat16", "float16")
SCHEDULES = ("constant", "plateau", "poly", "cosine")
SPLITS = ("k-fold", "hold-out", "by-fact", "all")
REGISTRATIONS = ("library", "none", "known")
FIRST_WEIGHTS = ("drawn", "imagenet")


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """The row of a paper's table that a recipe reproduces."""

    paper: str
    """"dpcnet", "darn", "sfan", "context" or "paresseg"."""
    table: str
    """Number of the table in the paper, such as "4"."""
    row: str
    """The row as it is called in `training/published/<paper>.yaml`."""


@dataclass(frozen=True, kw_only=True)
class PreparationSettings:
    """How a case is prepared, beside the stage's own grid, intensities and mask."""

    registration: str = "library"
    """How the arterial phase comes onto the portal one: "library" registers it, "none" takes it as it lies,
    "known" uses the case's known displacement (phantoms)."""

    def __post_init__(self) -> None:
        _choice("preparation: registration", self.registration, REGISTRATIONS)


@dataclass(frozen=True, kw_only=True)
class SplitSettings:
    """Which cases train and which test."""

    kind: str
    """"k-fold"; "hold-out", drawn `repeats` times; "by-fact": train on some values of a fact, test on others; or
    "all": every case trains, and what tests lies elsewhere (LiTS keeps the truth of its test volumes)."""
    folds: int = 5
    """Number of folds (k-fold)."""
    test_share: float = 0.2
    """Share of cases that test (hold-out)."""
    repeats: int = 1
    """How many hold-outs are drawn."""
    stratify_by: str | None = None
    """A fact of the cases whose values every part gets in like proportions, such as "tumor_type"."""
    fact: str | None = None
    """The fact that divides (by-fact), such as "scanner"."""
    train_values: tuple[str, ...] = ()
    """Values of the fact whose cases train."""
    test_values: tuple[str, ...] = ()
    """Values of the fact whose cases test."""

    def __post_init__(self) -> None:
        _choice("split: kind", self.kind, SPLITS)
        _at_least("split: folds", self.folds, 2)
        _at_least("split: repeats", self.repeats, 1)
        if not 0 < self.test_share < 1:
            raise InputError(f"split: test_share must lie between 0 and 1, got {self.test_share:g}")
        if self.kind == "by-fact" and not (self.fact and self.train_values and self.test_values):
            raise InputError('split: "by-fact" needs fact, train_values and test_values')


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """What one training sample is cut from. A sample has the size of the stage's tile or patch unless said."""

    size: tuple[int, ...] | None = None
    """Rows and columns, or slices, rows and columns, of a sample; None is the stage's tile or patch."""
    foreground_share: float = 0.0
    """Share of samples that are certain to hold a voxel of a class other than background."""
    centre: str = "anywhere"
    """Where the other samples are centred: "anywhere", or "liver" for a voxel of the liver."""
    tumor_slices_only: bool = False
    """For networks that work on slices: only slices that show tumour."""
    either_phase: bool = False
    """For a network of one phase: a sample shows the portal or the arterial volume, with even chances, where a case
    has both. The truth is the same, since the arterial volume lies on the portal one."""
    samples_an_epoch: int | None = None
    """Samples that count as one epoch; None is one for every slice that may be drawn (2D), or one a case (3D)."""

    def __post_init__(self) -> None:
        if not 0 <= self.foreground_share <= 1:
            raise InputError(f"sampling: foreground_share must lie in [0, 1], got {self.foreground_share:g}")
        _choice("sampling: centre", self.centre, ("anywhere", "liver"))
        if self.size is not None and (len(self.size) not in (2, 3) or min(self.size) < 8):
            raise InputError(f"sampling: size must be two or three numbers from 8 on, got {self.size}")
        if self.samples_an_epoch is not None:
            _at_least("sampling: samples_an_epoch", self.samples_an_epoch, 1)


@dataclass(frozen=True, kw_only=True)
class AugmentationSettings:
    """What is done to a sample at random; the defaults do nothing."""

    rotation_degrees: float = 0.0
    """Largest rotation, about the slice axis (2D) or about every axis (3D)."""
    scale: float = 0.0
    """Largest relative change of size."""
    flips: tuple[str, ...] = ()
    """Axes that are mirrored with a chance of one half: "z", "y", "x"."""
    elastic_mm: float = 0.0
    """Standard deviation of a smooth random displacement."""
    elastic_wavelength_mm: float = 30.0
    """How far apart it changes."""
    brightness: float = 0.0
    """Standard deviation of a shift, in units of the network's input."""
    contrast: float = 0.0
    """Standard deviation of the logarithm of a factor about the sample's mean."""
    noise: float = 0.0
    """Largest standard deviation of added Gaussian noise, in units of the network's input."""

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, float) and value < 0:
                raise InputError(f"augmentation: {entry.name} must not be negative, got {value:g}")
        if self.scale >= 1:
            raise InputError(f"augmentation: scale must be below 1, got {self.scale:g}")
        if self.elastic_wavelength_mm <= 0:
            raise InputError("augmentation: elastic_wavelength_mm must be positive")
        for axis in self.flips:
            _choice("augmentation: flips", axis, ("z", "y", "x"))


@dataclass(frozen=True, kw_only=True)
class LossSettings:
    """What is minimised."""

    kind: str
    """"ce", "dice" (squared denominators), "ce_dice", "weighted_ce" or "boundary_enhanced" (3D BE-loss)."""
    class_weights: tuple[float, ...] | None = None
    """One a class (weighted_ce); None weighs by the inverse frequency of the classes in the training cases."""
    dice_classes: str = "together"
    """Of "dice" and "ce_dice": "together" sums over all classes, as DPC-Net prints it; "each" averages theirs."""
    alpha: float = 1.0
    """Of the 3D BE-loss."""
    beta: float = 0.5
    """Of the 3D BE-loss."""
    inside: float = 0.8
    """W1 of the 3D BE-loss."""
    outside: float = 0.2
    """W2 of the 3D BE-loss."""

    def __post_init__(self) -> None:
        _choice("loss: kind", self.kind, LOSSES)
        _choice("loss: dice_classes", self.dice_classes, ("together", "each"))


@dataclass(frozen=True, kw_only=True)
class OptimizerSettings:
    """How weights move."""

    kind: str = "adam"
    """"adam", "adamw" or "sgd"."""
    learning_rate: float
    """At the start, or after the warm-up."""
    weight_decay: float = 0.0
    """Of the optimiser."""
    momentum: float = 0.0
    """Of SGD (Nesterov when positive)."""
    clip_norm: float | None = None
    """Largest norm of all gradients together; None clips nothing."""

    def __post_init__(self) -> None:
        _choice("optimizer: kind", self.kind, ("adam", "adamw", "sgd"))
        if self.learning_rate <= 0:
            raise InputError(f"optimizer: learning_rate must be positive, got {self.learning_rate:g}")


@dataclass(frozen=True, kw_only=True)
class ScheduleSettings:
    """How long, and how the learning rate changes."""

    epochs: int
    """At most so many."""
    kind: str = "constant"
    """"constant"; "plateau": `factor` after `patience` epochs without a lower loss; "poly" with power 0.9; "cosine"."""
    warm_up_steps: int = 0
    """Steps over which the learning rate rises linearly first."""
    factor: float = 0.5
    """Of "plateau"."""
    patience: int = 10
    """Of "plateau", in epochs."""
    stop_patience: int | None = None
    """Stop after so many epochs without a lower loss; None never does."""
    stop_below: float | None = None
    """Stop when the learning rate has fallen below this."""

    def __post_init__(self) -> None:
        _choice("schedule: kind", self.kind, SCHEDULES)
        _at_least("schedule: epochs", self.epochs, 1)


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How a step is made."""

    batch: int
    """Samples a step, over all processes and accumulated parts together."""
    accumulate: int = 1
    """Parts that a process's share of a batch is computed in, for memory."""
    precision: str = "float32"
    """Of the network's forward pass: "float32", "bfloat16" or "float16" (scaled; CUDA alone)."""
    average_decay: float | None = None
    """Of a running average of the weights, which is then what is validated and exported; None keeps none."""
    validation_share: float = 0.0
    """Share of the training cases that are held out to choose the best weights; 0 keeps the last weights."""
    validate_every: int = 10
    """Epochs between validations."""
    save_every: int = 1
    """Epochs between checkpoints."""

    def __post_init__(self) -> None:
        _choice("loop: precision", self.precision, PRECISIONS)
        for name in ("batch", "accumulate", "validate_every", "save_every"):
            _at_least(f"loop: {name}", getattr(self, name), 1)
        if not 0 <= self.validation_share < 1:
            raise InputError(f"loop: validation_share must lie in [0, 1), got {self.validation_share:g}")


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """What of a test case is scored."""

    tumor_slices_only: bool = False
    """Only slices whose truth shows tumour, each scored by itself in pixels (as the context network's authors do)."""
    keep: str = "raw"
    """"raw" scores the network's own labels; "postprocessed" what the pipeline would keep of them."""

    def __post_init__(self) -> None:
        _choice("evaluation: keep", self.keep, ("raw", "postprocessed"))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training, apart from the data, the split's part and the seed."""

    name: str
    """Its path below `configs` without ending, such as "paresseg/table4-msf-pa"; or the file's own name."""
    title: str
    """One line for tables and logs."""
    reproduces: tuple[PaperRow, ...]
    """Rows of tables; one training may stand in several."""
    stage: StageDescription
    """What the network is, what it is given, and how it is run over a volume; the same words as in model.json."""
    sampling: SamplingSettings
    loss: LossSettings
    optimizer: OptimizerSettings
    schedule: ScheduleSettings
    loop: LoopSettings
    split: SplitSettings
    preparation: PreparationSettings = field(default_factory=PreparationSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    first_weights: str = "drawn"
    """"drawn" by the network's own rule; or "imagenet": its encoder starts as a ResNet trained on ImageNet."""
    source: str = ""
    """Where the paper says so: sections and tables."""

    def __post_init__(self) -> None:
        _choice(f"recipe {self.name!r}: first_weights", self.first_weights, FIRST_WEIGHTS)
        problem = self._problem()
        if problem:
            raise InputError(f"recipe {self.name!r}: {problem}")

    @property
    def sample_size(self) -> tuple[int, ...]:
        """Size of a training sample: (Y, X) or (Z, Y, X)."""
        if self.sampling.size is not None:
            return self.sampling.size
        if self.stage.slices is not None:
            return self.stage.slices.tile
        return cast("PatchSettings", self.stage.patches).patch  # a stage has one of the two

    def _problem(self) -> str | None:
        entry = network_entry(self.stage.network)
        if len(entry.phases) != len(self.stage.phases):
            return (
                f"the network {self.stage.network!r} takes {', '.join(entry.phases)}; "
                f"the stage gives it {', '.join(self.stage.phases)}"
            )
        if entry.dimensions != len(self.sample_size):
            return f"the network {self.stage.network!r} is {entry.dimensions}D, its samples are {self.sample_size}"
        if self.loss.kind == "boundary_enhanced" and (
            self.stage.slices is None or self.stage.slices.neighbours < 1 or len(self.stage.classes) != 2
        ):
            return "the 3D BE-loss needs two classes and slices with at least one neighbour"
        if self.sampling.either_phase and len(self.stage.phases) != 1:
            return f"either_phase is for networks of one phase; {self.stage.network!r} takes both"
        weights = self.loss.class_weights
        if weights is not None and len(weights) != len(self.stage.classes):
            return f"class_weights needs {len(self.stage.classes)} values, got {len(weights)}"
        return None


def recipe_names() -> list[str]:
    """Return the names of all recipes below `configs`; files called `base` and `_…` are no recipes."""
    paths = sorted(CONFIGS.rglob("*.yaml"))
    return [
        path.relative_to(CONFIGS).with_suffix("").as_posix()
        for path in paths
        if path.stem != "base" and not path.stem.startswith("_")
    ]


def read_recipe(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe by its name below `configs` or by the path of a file.

    overrides: values by their dotted name, such as {"stage.arguments.width": 8}; they win over the files.
    Raises `InputError` for a file that cannot be read, an unknown key (with the nearest known one), or values that
    do not fit each other.
    """
    path = Path(name_or_path)
    name = path.stem
    if path.suffix not in (".yaml", ".yml"):
        name = str(name_or_path)
        path = CONFIGS / f"{name}.yaml"
        if name not in recipe_names():
            raise InputError(f"there is no recipe {name!r}{nearest(name, recipe_names())}")
    elif path.is_file() and CONFIGS in path.resolve().parents:
        name = path.resolve().relative_to(CONFIGS).with_suffix("").as_posix()
    values = _merged(path)
    for dotted, value in (overrides or {}).items():
        _set(values, dotted, value)
    return recipe_from(values, name)


def recipe_from(values: Mapping[str, Any], name: str) -> Recipe:
    """Return the recipe of plain values. Raises `InputError` as `read_recipe` does."""
    stage = {**values.get("stage", {}), "weights": "untrained.safetensors", "sha256": "0" * 64}
    where = f"recipe {name!r}"
    try:
        return from_mapping(Recipe, {**values, "name": name, "stage": stage}, where=where)
    except ModelError as error:
        raise InputError(f"{where}: {str(error).removeprefix('model.json: ')}") from error


def to_values(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as plain values for JSON or YAML, of which `recipe_from` makes an equal recipe."""
    values = asdict(recipe)
    for of_a_model in ("weights", "sha256"):  # a recipe has no weights yet
        del values["stage"][of_a_model]
    plain: dict[str, Any] = _plain(values)
    return plain


def _plain(value: Any) -> Any:
    """Return a value with lists in place of tuples, all the way down."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _merged(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the values of a file on top of those of its base."""
    path = path.resolve()
    if path in seen:
        raise InputError(
            f"the recipe {path} is its own base: {' <- '.join(file.name for file in (*seen, path))}"
        )
    try:
        values = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"the recipe {path} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"the recipe {path} holds no settings")
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise InputError(
            f"the recipe {path}: base must be the path of a file or the name of a recipe, got {base!r}"
        )
    below = path.parent / base if base.endswith((".yaml", ".yml")) else CONFIGS / f"{base}.yaml"
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
            raise InputError(f"{dotted!r}: {name!r} holds a value, no settings")
        values[name] = dict(inner)
        values = values[name]
    values[last] = value


def _choice(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"{what}: unknown {value!r}{nearest(value, known)}")


def _at_least(what: str, value: int, least: int) -> None:
    if value < least:
        raise InputError(f"{what} must be at least {least}, got {value}")
