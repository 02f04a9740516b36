"""The process that answers clicks: a model's network over a stream, the same as in this process."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from LiverTumorAttentionLib.correction import Add, CorrectionSession
from LiverTumorAttentionLib.correction.click_network.channels import CHANNELS
from LiverTumorAttentionLib.correction.click_network.frames import read_frame, write_array, write_message
from LiverTumorAttentionLib.pipeline.click_answers import answer_clicks
from LiverTumorAttentionLib.pipeline.refine import BUNDLED_CLICKS, read_click_model
from Testing.Library.commands.test_refine import click_model
from Testing.Library.correction.made_case import DARK, ball, dice, made_case


def answered(model: Path, incoming: io.BytesIO) -> tuple[int, list[object]]:
    incoming.seek(0)
    outgoing = io.BytesIO()
    code = answer_clicks(str(model), incoming, outgoing)
    outgoing.seek(0)
    frames: list[object] = []
    while (frame := read_frame(outgoing)) is not None:
        frames.append(frame)
    return code, frames


def test_it_says_that_it_is_ready_and_answers_as_the_network_does(tmp_path: Path) -> None:
    folder = click_model(tmp_path / "model")
    rng, incoming = np.random.default_rng(0), io.BytesIO()
    cubes = [rng.standard_normal((len(CHANNELS), 8, 8, 8)).astype(np.float32) for _ in range(2)]
    for cube in cubes:
        write_array(incoming, cube)
    code, (ready, *found) = answered(folder, incoming)
    clicks = read_click_model(str(folder))
    assert (code, ready) == (0, {"ready": clicks.name})
    for cube, answer in zip(cubes, found, strict=True):
        np.testing.assert_array_equal(answer, clicks.predict(cube))


def test_a_model_that_is_none_and_an_input_that_is_none_are_told(tmp_path: Path) -> None:
    code, (message,) = answered(tmp_path, io.BytesIO())
    assert code == 2
    assert "model" in message["error"]  # type: ignore[index]
    incoming = io.BytesIO()
    write_message(incoming, hello="there")
    code, (_, message) = answered(click_model(tmp_path / "model"), incoming)
    assert code == 2
    assert "an array was expected" in message["error"]  # type: ignore[index]


def test_the_network_that_ships_outlines_a_dark_ball_that_is_clicked_on() -> None:
    case = made_case((DARK,))
    session = CorrectionSession(case, clicks=read_click_model(BUNDLED_CLICKS))
    session.do(Add(point=case.point_at(DARK.center)))
    assert dice(session.labels == 2, ball(DARK.center, DARK.radius_mm)) > 0.9
    assert session.entries[0].answered_by is not None
