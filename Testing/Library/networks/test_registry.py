"""Networks by name: what is built, what is refused, and that the README tells the truth."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from LiverTumorAttentionLib import networks
from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import (
    build_network,
    network_entry,
    network_names,
    with_scaled_widths,
)
from LiverTumorAttentionLib.networks.paresseg import PAResSeg, ResSeg
from Testing.benchmarks import network_sizes

FOLDER = Path(networks.__file__).parent


def test_names():
    assert network_names() == sorted(network_names())
    assert isinstance(build_network("resseg", width=4), ResSeg)
    assert isinstance(build_network("paresseg", width=4), PAResSeg)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ressegg", r"one of .*paresseg, .*; got 'ressegg'; did you mean resseg"),
        ("PA-ResSeg", r"did you mean paresseg"),
        ("zzz", r"one of .*resseg.*; got 'zzz'$"),
        (7, r"got 7$"),
    ],
)
def test_unknown_names_are_refused(name: object, message: str):
    with pytest.raises(ModelError, match=message):
        build_network(name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("resseg", {"widht": 8}, r"no argument 'widht'; it takes .*width.*; did you mean width"),
        ("resseg", {"fusion": "pa"}, r"resseg has no argument 'fusion'"),
        ("resseg", {"width": 6}, r"width must be a whole number, a multiple of 4, at least 4; got 6"),
        ("resseg", {"width": 0}, r"width must be .* at least 4; got 0"),
        ("resseg", {"width": True}, r"got True"),
        ("resseg", {"width": 16.0}, r"got 16\.0"),
        ("resseg", {"classes": 1}, r"classes must be a whole number, at least 2; got 1"),
        ("paresseg", {"in_channels": 0}, r"in_channels must be a whole number, at least 1; got 0"),
        ("paresseg", {"in_channels": "3"}, r"got '3'"),
        ("paresseg", {"fusion": "msf-intra"}, r"fusion must be one of .*; did you mean msf_intra"),
    ],
)
def test_arguments_out_of_range_are_refused(name: str, arguments: dict, message: str):
    with pytest.raises(ModelError, match=message):
        build_network(name, **arguments)


def values_out_of_range(name: str) -> list[tuple[str, object]]:
    """Values of the wrong kind or size for every argument of a network, judged by its default."""
    wrong: list[tuple[str, object]] = []
    for key, parameter in inspect.signature(network_entry(name).build).parameters.items():
        default = parameter.default
        if isinstance(default, bool):
            wrong += [(key, "yes"), (key, 2)]
        elif isinstance(default, int):
            wrong += [(key, -1), (key, 2.5), (key, "8"), (key, None), (key, True)]
        elif default is None:  # a count that follows from others unless given
            wrong += [(key, -1), (key, 0), (key, 2.5), (key, "8"), (key, True)]
        elif isinstance(default, float):
            wrong += [(key, -0.5), (key, "much"), (key, float("nan"))]
        elif isinstance(default, str):
            number = -1 if "int" in str(parameter.annotation) else 3  # a word or a count
            wrong += [(key, f"{default}_"), (key, number), (key, None)]
        elif isinstance(default, tuple):
            wrong += [
                (key, ()),
                (key, (-1, *default[1:])),
                (key, ("a", *default[1:])),
                (key, 3),
                (key, "abcd"),
            ]
    return wrong


@pytest.mark.parametrize("name", network_names())
def test_every_argument_of_every_network_is_checked(name: str):
    """A network says what it was given and would not take, before it draws a weight."""
    accepted = []
    for key, value in values_out_of_range(name):
        try:
            with torch.device("meta"):
                build_network(name, **{key: value})
        except ModelError as error:
            if key.split("_")[-1] not in str(error) or "got " not in str(error):
                accepted.append(f"{key}={value!r} is refused with {str(error)!r}")
        except Exception as error:
            accepted.append(f"{key}={value!r} ends with {error!r}")
        else:
            accepted.append(f"{key}={value!r} is taken")
    assert not accepted
    with pytest.raises(
        ModelError, match=rf"{name} has no argument 'classses'; it takes .*; did you mean classes"
    ):
        build_network(name, classses=2)


@pytest.mark.parametrize("name", network_names())
def test_half_the_width_halves_every_layer(name: str):
    """Judged by biases and scales, where they are more than classes; give or take one, for RMP adds four channels."""
    full = inspect.signature(network_entry(name).build).parameters["width"].default

    def lengths(width: int) -> dict[str, int]:
        with torch.device("meta"):
            network = build_network(name, width=width)
        return {key: value.numel() for key, value in network.named_parameters() if value.ndim == 1}

    wide, narrow = lengths(full), lengths(full // 2)
    assert wide.keys() == narrow.keys()
    odd = {key: n for key, n in wide.items() if n > 6 and abs(n - 2 * narrow[key]) > 1}
    assert not odd


@pytest.mark.parametrize(
    ("name", "given", "named"),
    [
        ("dpcnet", {"width": 8}, {"width": 8, "pyramid_width": 16}),
        ("darn", {}, {"pyramid_width": 64}),
        ("daf", {"width": 4, "pyramid_width": None}, {"width": 4, "pyramid_width": 8}),
        ("sfan", {"width": 8, "classes": 3}, {"width": 8, "classes": 3, "aligned_width": 8}),
        ("deeplabv3", {}, {"aspp_width": 256}),
        ("deeplabv3", {"width": 4, "aspp_width": 6}, {"width": 4, "aspp_width": 6}),
        ("resseg", {"width": 8}, {"width": 8}),
        ("paresseg", {"levels": None}, {"levels": None}),
    ],
)
def test_widths_that_follow_are_named(name: str, given: dict, named: dict):
    assert with_scaled_widths(name, given) == named
    with torch.device("meta"):
        shapes = [
            {key: value.shape for key, value in build_network(name, **arguments).named_parameters()}
            for arguments in (given, named)
        ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", network_names())
def test_the_defaults_fit_the_input_of_the_paper(name: str):
    entry = network_entry(name)
    assert inspect.signature(entry.build).parameters["in_channels"].default == entry.input_shape[0]
    assert entry.dimensions in (2, 3)
    assert entry.build.phases == entry.phases
    assert 2000 < entry.year < 2100


def test_the_seed_alone_decides_the_weights():
    def weights(seed: int, global_seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(global_seed)
        return build_network("resseg", width=4, generator=torch.Generator().manual_seed(seed)).state_dict()

    first, same, other = weights(1, 10), weights(1, 11), weights(2, 10)
    assert all(torch.equal(first[k], same[k]) for k in first)
    assert not torch.equal(first["encoder.conv1_1.conv.weight"], other["encoder.conv1_1.conv.weight"])


def test_a_signal_keeps_its_size_from_layer_to_layer_at_the_start():
    """He initialization: behind a ReLU, E[out^2] = E[in^2], without the help of the normalization."""
    network = build_network("resseg", width=32, generator=torch.Generator().manual_seed(0))
    x = torch.randn(1, 128, 40, 40, generator=torch.Generator().manual_seed(1)).relu() * 2**0.5
    for layer in [
        network.encoder.stages["conv3_x"][1].second,
        network.decoder.chains["upsampling_2"][0].conv,
    ]:
        with torch.no_grad():
            out = layer(x[:, : layer.in_channels])[..., 4:-4, 4:-4].relu()
        assert 0.8 < out.square().mean() < 1.25


def module_name(file: Path) -> str:
    """The name to import a file by, given its path below the networks' folder."""
    return ".".join(["LiverTumorAttentionLib.networks", *file.with_suffix("").parts])


def modules_of_the_package() -> list[type[nn.Module]]:
    found = []
    for file in sorted(FOLDER.rglob("*.py")):
        module = importlib.import_module(module_name(file.relative_to(FOLDER)))
        found += [
            value
            for _, value in inspect.getmembers(module, inspect.isclass)
            if issubclass(value, nn.Module) and value.__module__ == module.__name__
        ]
    return found


def readme() -> str:
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def classes_in_the_readme() -> set[tuple[str, str]]:
    """Every class of a table row, with the file that its row links to."""
    return set(re.findall(r"^\|.*\| `(\w+)` \| \[.*?\]\(([\w/]+\.py)\) \|", readme(), re.MULTILINE))


@pytest.mark.parametrize("block", modules_of_the_package(), ids=lambda block: block.__name__)
def test_every_block_cites_its_source_and_stands_in_the_readme(block: type[nn.Module]):
    assert block.__doc__ is not None
    assert "Source:" in block.__doc__
    assert "Shape:" in block.__doc__
    file = Path(inspect.getfile(block)).relative_to(FOLDER).as_posix()
    assert (block.__name__, file) in classes_in_the_readme(), f"give it a row that links to {file}"


def test_every_class_in_the_readme_exists_in_the_file_it_names():
    rows = classes_in_the_readme()
    assert len(rows) >= 30
    for name, file in rows:
        block = getattr(importlib.import_module(module_name(Path(file))), name, None)
        assert block is not None, f"{file} has no {name}"
        assert Path(inspect.getfile(block)) == FOLDER / file, f"{name} is only imported in {file}"


SIZES = network_sizes.ROW.findall(readme())


def test_every_network_has_its_size_in_the_readme_once():
    calls = [call for call, _ in SIZES]
    assert len(calls) == len(set(calls))
    missing = [name for name in network_names() if f'build_network("{name}")' not in calls]
    assert not missing, (
        f'give {", ".join(missing)} a row in Sizes: | `build_network("{missing[0]}")` | | | | |'
    )


@pytest.mark.parametrize(("call", "printed"), SIZES)
def test_the_sizes_in_the_readme_are_those_of_the_networks(call: str, printed: str):
    hint = "run python -m Testing.benchmarks.network_sizes"
    assert network_sizes.row_of(call, printed.strip()) in readme().splitlines(), hint
