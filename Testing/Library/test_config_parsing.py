"""Settings from JSON: what is not known is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError, ModelError
from LiverTumorAttentionLib.pipeline.jobs import RegistrationJob, SegmentationJob


@dataclass(frozen=True, kw_only=True)
class Inner:
    name: str
    window: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Outer:
    size: int
    ratio: float = 0.5
    inner: tuple[Inner, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)
    path: str | None = None


def test_builds_nested_settings_and_turns_whole_numbers_into_floats() -> None:
    outer = from_mapping(
        Outer, {"size": 3, "ratio": 1, "inner": [{"name": "a", "window": [0, 2.5]}], "path": None}, where="x"
    )
    assert outer == Outer(size=3, ratio=1.0, inner=(Inner(name="a", window=(0.0, 2.5)),))
    assert isinstance(outer.ratio, float)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 1, "raito": 2}, r"x: unknown key 'raito'; did you mean 'ratio'\?"),
        ({"ratio": 2.0}, "x: the key 'size' is missing"),
        ({"size": "1"}, "x: size: expected int, got str '1'"),
        ({"size": True}, "x: size: expected int, got bool True"),
        (
            {"size": 1, "inner": [{"name": "a", "window": [1.0]}]},
            r"inner\[0\]: window: expected 2 values, got 1",
        ),
        ({"size": 1, "inner": [{"nmae": "a", "window": [1, 2]}]}, r"inner\[0\]: unknown key 'nmae'.*'name'"),
        ({"size": 1, "more": [1]}, "x: more: expected an object with named fields, got list"),
        ([1], "x: expected an object with named fields, got list"),
    ],
)
def test_refuses_what_it_does_not_know(values: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        from_mapping(Outer, values, where="x", error=ModelError)


def test_a_job_survives_json() -> None:
    job = SegmentationJob(
        portal="p.nii.gz", arterial="a.nii.gz", output="o.seg.nrrd", minimum_diameter_mm=7.0
    )
    assert SegmentationJob.from_dict(job.to_dict()) == job


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"portal": ""}, "no portal venous volume was given"),
        (
            {"portal": "p", "minimum_diameter_mm": -1},
            "smallest diameter must lie between 0 and 200 mm, got -1",
        ),
        ({"portal": "p", "tumor_threshold": 1.0}, "threshold must lie between 0 and 1, got 1"),
        ({"portal": "p", "seed": -3}, "seed must not be negative, got -3"),
        ({"portal": "p", "output": "x.csv", "table": "x.csv"}, "two results would be written to x.csv"),
        ({"portal": "p", "save_registered": "r.nii.gz"}, "no arterial volume was given"),
        ({"portal": "p", "artrial": "a"}, "unknown key 'artrial'; did you mean 'arterial'"),
    ],
)
def test_a_job_that_cannot_be_meant_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SegmentationJob.from_dict(values)


def test_a_registration_job_keeps_its_outputs_apart() -> None:
    with pytest.raises(InputError, match=r"two results would be written to x\.h5"):
        RegistrationJob(fixed="p", moving="a", output="x.h5", transform="x.h5")
