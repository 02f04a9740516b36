"""`liver-tumor-attention networks`: every network, with the counts that its paper's figures give."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import torch

from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import NetworkEntry, build_network, network_entry, network_names
from LiverTumorAttentionLib.networks.registry import NETWORKS


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only three networks, to be quick: one with one phase, one with two, one that cannot be built here."""
    for name in set(network_names()) - {"resseg", "paresseg"}:
        monkeypatch.delitem(NETWORKS, name)
    entry = NetworkEntry(build=missing, paper="None, Absent", year=2000, input_shape=(1, 8, 8, 8))
    monkeypatch.setitem(NETWORKS, "absent", entry)


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    assert main(["networks", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == network_names()
    return {row["name"]: row for row in rows}


def missing(**_: object) -> torch.nn.Module:
    raise ModelError("this network needs MONAI: install liver-tumor-attention[comparators]")


def test_the_list_says_of_every_network_what_the_registry_and_its_weights_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = listed(capsys)
    for name, row in rows.items():
        entry = network_entry(name)
        with torch.device("meta"):
            parameters = sum(p.numel() for p in build_network(name).parameters())
        assert row == {
            "name": name,
            "paper": entry.paper,
            "year": entry.year,
            "dimensions": len(entry.input_shape) - 1,
            "phases": list(entry.phases),
            "input_shape": list(entry.input_shape),
            "parameters": parameters,
            "multiply_adds": row["multiply_adds"],
            "reason": None,
        }
        assert row["multiply_adds"] > parameters
    assert rows["unet"]["multiply_adds"] == unet_multiply_adds()


def unet_multiply_adds() -> int:
    """U-Net's Figure 1 with padded convolutions: 512 pixels, 64 channels first, one in, two classes out."""
    sides, channels = [512, 256, 128, 64, 32], [64, 128, 256, 512, 1024]
    count = 512**2 * 64 * 2
    inputs = 1
    for side, width in zip(sides, channels, strict=True):
        count += side**2 * 9 * (inputs * width + width * width)
        inputs = width
    for side, fine, coarse in zip(sides[:-1], channels[:-1], channels[1:], strict=True):
        count += (side // 2) ** 2 * 4 * coarse * fine
        count += side**2 * 9 * (2 * fine * fine + fine * fine)
    return count


@pytest.mark.usefixtures("few")
def test_people_get_one_line_a_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["networks"]) == 0
    printed = capsys.readouterr()
    heading, *lines, reason = printed.out.splitlines()
    assert heading.replace("input of one phase", "input").split() == [
        *("name", "paper", "year", "phases", "input", "parameters", "multiply-adds")
    ]
    assert [line.split()[0] for line in lines] == ["absent", "paresseg", "resseg"]
    assert len({len(line) for line in [heading, *lines]}) == 1
    assert lines[0].split()[-2:] == ["-", "-"]
    assert "  2021  2D  portal + arterial  3 x 224 x 224  " in lines[1]
    assert "Xu, PA-ResSeg" in lines[2]
    assert lines[2].split("3 x 224 x 224")[1].split() == ["34.79", "M", "31.3", "G"]
    assert reason == "absent: this network needs MONAI: install liver-tumor-attention[comparators]"
    assert printed.err.strip() == ""


@pytest.mark.usefixtures("few")
def test_a_network_that_cannot_be_built_here_is_listed_with_the_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = listed(capsys)
    assert (rows["absent"]["parameters"], rows["absent"]["multiply_adds"]) == (None, None)
    assert "liver-tumor-attention[comparators]" in rows["absent"]["reason"]
    assert rows["resseg"]["reason"] is None


def test_without_monai_only_what_it_makes_cannot_be_built(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.split(".")[0] == "monai"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "monai", None)
    reasons = {}
    for name in network_names():
        try:
            with torch.device("meta"):
                build_network(name)
        except ModelError as error:
            reasons[name] = str(error)
    assert all("liver-tumor-attention[comparators]" in reason for reason in reasons.values()), reasons
    assert not {"dpcnet", "darn", "sfan", "context", "resseg", "paresseg", "unet", "unet3d"} & set(reasons)
