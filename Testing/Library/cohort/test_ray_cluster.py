"""How Ray is started and joined: locked, quiet, and without a hold on the program's signals."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from LiverTumorAttentionLib.cohort.ray_cluster import connected
from LiverTumorAttentionLib.errors import InputError

NAMES = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What `ray.init` is given, with the environment that it sees; it takes SIGTERM, as the true one does."""
    found: list[dict[str, Any]] = []

    def init(**options: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        found.append({**options, **{name: os.environ.get(name) for name in NAMES}})
        if options["address"] == "nowhere:1":
            raise ConnectionError("no answer")

    monkeypatch.setattr(os, "environ", {"PATH": ""})
    ray, exceptions = ModuleType("ray"), ModuleType("ray.exceptions")
    ray.init = init  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.exceptions", exceptions)
    before = signal.getsignal(signal.SIGTERM)
    yield found
    signal.signal(signal.SIGTERM, before)


def test_ray_that_is_started_here_lets_nobody_in_and_sends_nothing_home(
    started: list[dict[str, Any]],
) -> None:
    connected(None)
    assert started[0]["RAY_AUTH_MODE"] == "token"
    assert len(started[0]["RAY_AUTH_TOKEN"]) == 64
    assert started[0]["RAY_USAGE_STATS_ENABLED"] == "0"
    assert started[0]["include_dashboard"] is False


def test_what_a_site_has_set_for_its_cluster_stays(started: list[dict[str, Any]]) -> None:
    connected("head:6379")
    assert (started[0]["RAY_AUTH_MODE"], started[0]["RAY_AUTH_TOKEN"]) == (None, None)
    assert "num_cpus" not in started[0]
    os.environ["RAY_AUTH_MODE"] = "disabled"
    connected(None)
    assert (started[1]["RAY_AUTH_MODE"], started[1]["RAY_AUTH_TOKEN"]) == ("disabled", None)


@pytest.mark.parametrize("address", ["head:6379", "nowhere:1"])
def test_signals_stay_those_of_the_program(started: list[dict[str, Any]], address: str) -> None:
    def own(number: int, frame: Any) -> None: ...

    signal.signal(signal.SIGTERM, own)
    if address == "nowhere:1":
        with pytest.raises(InputError, match=r"cluster at nowhere:1 does not answer \(no answer\): check"):
            connected(address)
    else:
        connected(address)
    assert signal.getsignal(signal.SIGTERM) is own


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        InputError, match=r"install it with pip install '.\[cluster\]', or give --engine local"
    ):
        connected(None)
