"""Prompts as people write them: places in mm and voxels, tools in the order of the file, mistakes named."""

from __future__ import annotations

import json

import numpy as np
import pytest

from LiverTumorAttentionLib.correction import (
    Accept,
    Add,
    CorrectionCase,
    CorrectionLog,
    CorrectionSession,
    Exclude,
    Grow,
    Include,
    Merge,
    Remove,
    Threshold,
)
from LiverTumorAttentionLib.correction.prompts import read_prompts
from LiverTumorAttentionLib.errors import InputError
from Testing.Library.correction.made_case import Ball, made_case, oblique

BALLS = (
    Ball(center=(12, 20, 20), radius_mm=9.0, number=1),
    Ball(center=(24, 36, 40), radius_mm=8.0, number=2),
    Ball(center=(28, 18, 44), radius_mm=6.0, portal=-60.0),
)


@pytest.fixture(scope="module")
def case() -> CorrectionCase:
    return made_case(BALLS, direction=oblique() @ np.diag([1.0, -1.0, 1.0]))


def actions(text: object, case: CorrectionCase) -> list[object]:
    return [prompt.action for prompt in read_prompts(json.dumps(text), case.portal)]


def test_every_form_of_a_prompt(case: CorrectionCase) -> None:
    a, b, c = [1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7, 8, 9]
    found = actions(
        {
            "units": "mm",
            "remove": [a, {"lesion": 2}],
            "add": [b],
            "include": [a, {"lesion": 1, "stroke": [a, b]}],
            "exclude": [c],
            "merge": [[a, b], {"lesions": [1, 2]}],
            "threshold": [{"point": a, "probability": 0.4}],
            "grow": [{"lesion": 2, "distance_mm": 2}],
            "accept": [{"lesion": 1}],
        },
        case,
    )
    one, two, three = (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0)
    assert found == [
        Remove(point=one),
        Remove(lesion=2),
        Add(point=two),
        Include(stroke=(one,)),
        Include(stroke=(one, two), lesion=1),
        Exclude(stroke=(three,)),
        Merge(points=(one, two)),
        Merge(lesions=(1, 2)),
        Threshold(point=one, probability=0.4),
        Grow(lesion=2, distance_mm=2.0),
        Accept(lesion=1),
    ]


def test_the_order_is_that_of_the_file(case: CorrectionCase) -> None:
    place = [1.0, 2.0, 3.0]
    assert [type(a) for a in actions({"add": [place], "remove": [place]}, case)] == [Add, Remove]
    assert [type(a) for a in actions({"remove": [place], "add": [place]}, case)] == [Remove, Add]


def test_voxels_and_mm_agree(case: CorrectionCase) -> None:
    """On an oblique, left-handed, anisotropic grid: indices i, j, k are x, y, z of the image."""
    voxels = {"add": [(28, 18, 44)], "exclude": [(12, 20, 26)], "include": [(24, 36, 46)]}
    in_mm = {"units": "mm"} | {k: [list(case.point_at(p)) for p in v] for k, v in voxels.items()}
    in_voxels = {"units": "voxel"} | {k: [list(p[::-1]) for p in v] for k, v in voxels.items()}
    results = []
    for text in (in_mm, in_voxels):
        session = CorrectionSession(case)
        for action in actions(text, case):
            session.do(action)
        results.append(session.labels.copy())
    np.testing.assert_array_equal(*results)
    assert (results[0] != case.start).any()


def test_a_log_is_read_as_prompts(case: CorrectionCase) -> None:
    session = CorrectionSession(case)
    session.do(Add(point=case.point_at((28, 18, 44))))
    session.do(Grow(lesion=3, distance_mm=2.0))
    found = read_prompts(CorrectionLog.of(session).to_text(), case.portal)
    assert [prompt.action for prompt in found] == [entry.action for entry in session.entries]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"the file of prompts is no valid JSON"),
        ("[[1, 2, 3]]", r"the prompts must be an object such as"),
        ("{}", r"the prompts ask for nothing: name tools, such as add, line"),
        ('{"units": "cm", "add": [[1, 2, 3]]}', r"units must be 'mm' or 'voxel', got 'cm'"),
        ('{"ad": [[1, 2, 3]]}', r"unknown key 'ad'; did you mean 'add'"),
        ('{"add": [1, 2, 3]}', r"prompt add 1: a place has three numbers \(LPS mm x, y, z\), got 1"),
        ('{"units": "voxel", "add": [[1, 2]]}', r"prompt add 1: .*\(voxel indices i, j, k\), got \[1, 2\]"),
        ('{"add": {"point": [1, 2, 3]}}', r"add: expected a list"),
        ('{"add": [{"place": [1, 2, 3]}]}', r"prompt add 1: unknown key 'place'"),
        ('{"grow": [{"lesion": 1, "distance": 2}]}', r"unknown key 'distance'; did you mean 'distance_mm'"),
        ('{"grow": [{"lesion": 1}]}', r"prompt grow 1: the key 'distance_mm' is missing"),
        ('{"grow": [[1, 2, 3]]}', r"prompt grow 1: the key 'distance_mm' is missing"),
        ('{"include": [{"stroke": [1, 2, 3]}]}', r"prompt include 1: a place has three numbers"),
        ('{"remove": [{"lesion": "two"}]}', r"prompt remove 1: lesion: expected int, got str 'two'"),
        ('{"actions": [{"tool": "add"}]}', r'action 1: expected \{"tool"'),
        ('{"actions": [{"tool": "paint", "parameters": {}}]}', r"action 1: there is no tool 'paint'"),
        ('{"lesions": [], "add": [[1, 2, 3]]}', r"unknown key 'lesions'"),
        ('{"add": [[1, 2, NaN]]}', r"no valid JSON \(NaN is no number\)"),
    ],
)
def test_mistakes_are_named(case: CorrectionCase, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_prompts(text, case.portal)


@pytest.mark.parametrize(
    "text",
    [
        '{"add": [[1, 2, "%s"]]}',
        '{"add": "%s"}',
        '{"%s": []}',
        '{"units": "%s"}',
        '{"actions": ["%s"]}',
        '{"actions": [{"tool": "%s", "parameters": {}}]}',
        '{"remove": [{"lesion": "%s"}]}',
    ],
)
def test_a_mistake_without_end_is_quoted_in_a_line(case: CorrectionCase, text: str) -> None:
    with pytest.raises(InputError) as told:
        read_prompts(text % ("é" * 10_000), case.portal)
    assert len(str(told.value)) < 400
