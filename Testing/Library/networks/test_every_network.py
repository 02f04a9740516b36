"""What every registered network promises, tried on all of them alike: small ones, from the table in cases.py.

Each check is itself checked: the toys of toys.py are networks with one fault each, and the check must see it.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import AttentionMap, build_network, network_entry, network_names
from LiverTumorAttentionLib.networks.registry import NETWORKS, NetworkEntry
from Testing.Library.networks import toys
from Testing.Library.networks.cases import CASES, Case

NAMES = [name for name in network_names() if name in CASES]
every_network = pytest.mark.parametrize("name", NAMES)


def small(name: str, seed: int = 0) -> nn.Module:
    return build_network(name, generator=torch.Generator().manual_seed(seed), **CASES[name].arguments)


def argument(name: str, key: str) -> int:
    """What the small network is built with, given or its default."""
    default = inspect.signature(network_entry(name).build).parameters[key].default
    return CASES[name].arguments.get(key, default)


def images(name: str, size: tuple[int, ...] | None = None, batch: int = 2) -> list[torch.Tensor]:
    """One image a phase: a bright block on noise."""
    size = size or CASES[name].size
    generator = torch.Generator().manual_seed(1)
    shape = (batch, argument(name, "in_channels"), *size)
    return [
        torch.rand(shape, generator=generator) + labels(size, batch)[:, None]
        for _ in network_entry(name).phases
    ]


def labels(size: tuple[int, ...], batch: int = 2) -> torch.Tensor:
    """Where the block lies: another corner in every other image."""
    truth = torch.zeros(batch, *size, dtype=torch.long)
    for number, one in enumerate(truth):
        one[tuple(slice(0, side // 2) if number % 2 else slice(side // 2, None) for side in size)] = 1
    return truth


def odd_size(name: str) -> tuple[int, ...]:
    """A size that is no multiple of anything, a little above the table's."""
    return tuple(side + extra for side, extra in zip(CASES[name].size, (1, 3, 5), strict=False))


Outputs = torch.Tensor | dict[str, dict[int, torch.Tensor]]


def flat(outputs: Outputs) -> list[tuple[int, torch.Tensor]]:
    """Every output with its level."""
    if isinstance(outputs, torch.Tensor):
        return [(0, outputs)]
    return [pair for group in outputs.values() for pair in group.items()]


def loss_of(network: nn.Module, inputs: list[torch.Tensor]) -> torch.Tensor:
    """The cross-entropy of every output, added up; drop-out drops the same at every call."""
    truth = labels(tuple(inputs[0].shape[2:]), len(inputs[0]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        outputs = flat(network(*inputs))
    losses = []
    for level, logits in outputs:
        every = slice(None, None, 2**level)
        coarse = truth[(slice(None), *[every] * (truth.ndim - 1))]
        losses.append(nn.functional.cross_entropy(logits.float(), coarse))
    return torch.stack(losses).sum()


def test_every_registered_network_has_a_case():
    missing = sorted(set(network_names()) - set(CASES))
    assert not missing, f"give {', '.join(missing)} a line in Testing/Library/networks/cases.py"
    assert not set(CASES) - set(network_names())


@every_network
def test_the_case_fits_the_entry(name: str):
    entry, case = network_entry(name), CASES[name]
    assert small(name).phases == entry.phases, "phases of the class and of the entry"
    assert len(case.size) == entry.dimensions
    assert len(set(case.size)) > 1, "equal sides do not show whether axes are mixed up"


@every_network
def test_one_training_step_lowers_the_loss(name: str):
    network, inputs = small(name).train(), images(name)
    optimiser = torch.optim.Adam(network.parameters(), lr=CASES[name].learning_rate)
    before = loss_of(network, inputs)
    before.backward()
    optimiser.step()
    with torch.no_grad():
        after = loss_of(network, inputs)
    assert after.item() < before.item(), "the loss rose"


@every_network
def test_training_reaches_every_parameter(name: str):
    """A scale that starts at 0 hides what it scales: what starts at 0 is set to something else first."""
    network = small(name).train()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.copy_(torch.rand(parameter.shape, generator=generator) * 0.1 + 0.05)
    loss_of(network, images(name)).backward()
    without = [key for key, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not without, f"without a gradient: {without}"
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


@every_network
def test_in_training_every_output_has_the_grid_of_its_level(name: str):
    for size in [CASES[name].size] + [odd_size(name)] * CASES[name].any_size:
        with torch.no_grad():
            outputs = small(name).train()(*images(name, size))
        if isinstance(outputs, dict):
            assert outputs
            assert all(isinstance(key, str) and isinstance(group, dict) for key, group in outputs.items())
            assert all(type(level) is int for group in outputs.values() for level in group)
        else:
            assert isinstance(outputs, torch.Tensor)
        for level, logits in flat(outputs):
            grid = [-(-side // 2**level) for side in size]
            assert list(logits.shape) == [2, argument(name, "classes"), *grid], f"grid of level {level}"


@every_network
def test_any_size_comes_back_at_its_own_size(name: str):
    network = small(name).eval()
    for size in [CASES[name].size, odd_size(name)]:
        inputs = images(name, size, batch=1)
        if size != CASES[name].size and not CASES[name].any_size:
            with pytest.raises(ModelError, match=r"got "):
                network(*inputs)
            continue
        with torch.no_grad():
            logits = network(*inputs)
        assert isinstance(logits, torch.Tensor)
        assert logits.shape == (1, argument(name, "classes"), *size), "its own size"
        assert logits.isfinite().all()
        assert logits.min() < 0 < logits.max(), "logits, not probabilities"


@every_network
def test_a_single_pixel_is_taken_or_refused_in_words(name: str):
    size = (1,) * len(CASES[name].size)
    refusal, logits = "", torch.zeros(1, 1, *size)
    try:
        with torch.no_grad():
            logits = small(name).eval()(*images(name, size, batch=1))
    except ModelError as error:
        refusal = str(error)
    assert not refusal or "; got (1, " in refusal
    assert logits.shape[2:] == size
    assert logits.isfinite().all()


@every_network
def test_evaluation_is_deterministic_and_changes_nothing(name: str):
    network, inputs = small(name).eval(), images(name)
    before = copy.deepcopy(network.state_dict())
    copies = [x.clone() for x in inputs]
    with torch.no_grad():
        first, second = network(*inputs), network(*inputs)
        alone = network(*[x[:1] for x in inputs])
    assert all(torch.equal(x, y) for x, y in zip(inputs, copies, strict=True)), "the image was changed"
    assert torch.equal(first, second), "the same image, twice"
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items()), "the network was changed"
    assert (alone - first[:1]).abs().max() < 1e-4 * first.std(), "an image sees its neighbour"


@every_network
def test_the_seed_alone_decides_the_weights(name: str):
    def weights(seed: int, global_seed: int) -> dict[str, torch.Tensor]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(global_seed)
            return small(name, seed).state_dict()

    first, same, other = weights(1, 10), weights(1, 11), weights(2, 10)
    assert all(torch.equal(first[k], same[k]) for k in first), "the same seed"
    assert not all(torch.equal(first[k], other[k]) for k in first), "another seed"


@every_network
def test_export_gives_the_same_numbers(name: str):
    network, inputs = small(name).eval(), images(name)
    exported = torch.export.export(network, tuple(inputs)).module()
    other = [x.flip(0) - 0.5 for x in inputs]
    with torch.no_grad():
        for given in (inputs, other):
            torch.testing.assert_close(exported(*given), network(*given))


@every_network
def test_bfloat16_stays_near_float32(name: str):
    """With freshly drawn weights. Single pixels between two classes may differ more, so means are compared:
    that of the probabilities, and that of the logits' error as a share of their own spread."""
    network, inputs = small(name).eval(), images(name)
    with torch.no_grad():
        exact = network(*inputs)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(*inputs)
    assert rounded.isfinite().all()
    rounded = rounded.float()
    error = (rounded.softmax(1) - exact.softmax(1)).abs().mean().item()
    assert error < 1e-2, f"probabilities in bfloat16 differ by {error:.3f}"
    noise = ((rounded - exact).std() / exact.std()).item()
    assert noise < 0.05, f"{noise:.0%} of the logits in bfloat16 are noise"


@every_network
def test_training_in_bfloat16_keeps_every_gradient_finite(name: str):
    network = small(name).train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of(network, images(name))
    loss.backward()
    assert loss.isfinite(), "the loss is not finite"
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


@every_network
def test_images_that_do_not_fit_are_refused(name: str):
    network, size = small(name).eval(), CASES[name].size
    channels, dimensions, phases = argument(name, "in_channels"), len(size), len(network.phases)

    def refuses(shape: tuple[int, ...], expected: str, count: int = phases) -> None:
        with pytest.raises(ModelError, match=f"{expected}.*; got "):
            network(*[torch.zeros(shape)] * count)

    for wrong in (channels + 1, 2 * channels + 1):
        refuses((1, wrong, *size), f"{channels} channels")
    for spatial in (size[1:], (*size, 4)):
        refuses((1, channels, *spatial), f"{dimensions + 2} dimensions")
    for count in range(1, phases):
        refuses((1, channels, *size), f"{phases} phases", count)
    # Python itself refuses one phase more than forward has names for.
    with pytest.raises((ModelError, TypeError), match=r"; got |positional arguments?"):
        network(*[torch.zeros(1, channels, *size)] * (phases + 1))


@every_network
def test_phases_of_different_shape_are_refused(name: str):
    network, (first, *others) = small(name).eval(), images(name)
    for other in others:
        with pytest.raises(ModelError, match=r"same shape; got .* and "):
            network(first, torch.cat([other, other], dim=-1))


@every_network
def test_weights_can_be_kept_as_safetensors(name: str):
    network, other, inputs = small(name).eval(), small(name, seed=1).eval(), images(name)
    state = network.state_dict()
    assert all(tensor.is_contiguous() for tensor in state.values())
    places = [tensor.untyped_storage().data_ptr() for tensor in state.values() if tensor.numel()]
    assert len(places) == len(set(places)), "tensors share their memory"
    other.load_state_dict(load(save(state)), strict=True)
    with torch.no_grad():
        assert torch.equal(other(*inputs), network(*inputs)), "all that decides the output is in the weights"


@every_network
def test_attention_that_is_shown_has_the_shape_of_its_kind(name: str):
    network = small(name).eval()
    seen: list[tuple[AttentionMap, torch.Tensor]] = []
    for module in network.modules():
        if isinstance(module, AttentionMap):
            module.register_forward_hook(lambda module, _, weights: seen.append((module, weights)))
    with torch.no_grad():
        network(*images(name))
    assert {module for module, _ in seen} == {m for m in network.modules() if isinstance(m, AttentionMap)}
    for module, weights in seen:
        assert weights.shape[0] == 2
        if module.kind == "map":
            assert weights.ndim == 2 + len(CASES[name].size), "a map has places"
            assert weights.shape[1] == 1
        else:
            assert weights.ndim == 2, "a vector has channels"
        assert weights.min() >= 0, "weights as they are applied"
        assert weights.max() <= 1


CHECKS = [
    check
    for key, check in list(globals().items())
    if key.startswith("test_") and list(inspect.signature(check).parameters) == ["name"]
]
Check = Callable[[str], Any]


def register(monkeypatch: pytest.MonkeyPatch, toy: type[nn.Module], **case: object) -> str:
    entry = NetworkEntry(build=toy, paper="none", year=2000, input_shape=(2, 8, 8), phases=toy.phases)
    monkeypatch.setitem(NETWORKS, "toy", entry)
    monkeypatch.setitem(CASES, "toy", Case(**{"size": (12, 8), **case}))
    return "toy"


@pytest.mark.parametrize("toy", [toys.Toy, toys.TwoPhases])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_sound_network_passes(monkeypatch: pytest.MonkeyPatch, check: Check, toy: type[nn.Module]):
    check(register(monkeypatch, toy))


@pytest.mark.parametrize(
    ("check", "toy", "message"),
    [
        (test_the_case_fits_the_entry, toys.TwoPhasesUnnamed, "phases"),
        (test_one_training_step_lowers_the_loss, toys.Climbing, "the loss rose"),
        (test_training_reaches_every_parameter, toys.Unused, r"without a gradient: \['unused"),
        (test_training_reaches_every_parameter, toys.Detached, r"without a gradient: \['first"),
        (test_in_training_every_output_has_the_grid_of_its_level, toys.Floored, "grid of level 1"),
        (test_in_training_every_output_has_the_grid_of_its_level, toys.OneList, "isinstance"),
        (test_any_size_comes_back_at_its_own_size, toys.Uncropped, "its own size"),
        (test_any_size_comes_back_at_its_own_size, toys.Probabilities, "logits, not probabilities"),
        (test_evaluation_is_deterministic_and_changes_nothing, toys.Dropping, "the same image, twice"),
        (test_evaluation_is_deterministic_and_changes_nothing, toys.Overwriting, "the image was changed"),
        (test_evaluation_is_deterministic_and_changes_nothing, toys.Counting, "the network was changed"),
        (test_evaluation_is_deterministic_and_changes_nothing, toys.Sociable, "sees its neighbour"),
        (test_the_seed_alone_decides_the_weights, toys.Seedless, "the same seed"),
        (test_the_seed_alone_decides_the_weights, toys.Constant, "another seed"),
        (test_export_gives_the_same_numbers, toys.Remembering, "not close"),
        (test_bfloat16_stays_near_float32, toys.Cancelling, "in bfloat16 differ by"),
        (test_bfloat16_stays_near_float32, toys.Faint, "of the logits in bfloat16 are noise"),
        (test_training_in_bfloat16_keeps_every_gradient_finite, toys.Overflowing, "the loss is not finite"),
        (test_images_that_do_not_fit_are_refused, toys.Mute, "2 channels"),
        (test_weights_can_be_kept_as_safetensors, toys.Tied, "share their memory"),
        (test_weights_can_be_kept_as_safetensors, toys.Hiding, "all that decides"),
        (test_attention_that_is_shown_has_the_shape_of_its_kind, toys.RawAttention, "as they are applied"),
        (test_attention_that_is_shown_has_the_shape_of_its_kind, toys.VectorAsMap, "a map has places"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_each_check_sees_its_fault(
    monkeypatch: pytest.MonkeyPatch, check: Check, toy: type[nn.Module], message: str
):
    with pytest.raises(AssertionError, match=message):
        check(register(monkeypatch, toy))


def test_each_check_sees_what_only_raises(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(Exception, match="data-dependent"):
        test_export_gives_the_same_numbers(register(monkeypatch, toys.Branching))
    with pytest.raises(RuntimeError, match="channels"):
        test_images_that_do_not_fit_are_refused(register(monkeypatch, toys.Unchecked))
    with pytest.raises(ValueError, match="more than 1 spatial element"):
        test_a_single_pixel_is_taken_or_refused_in_words(register(monkeypatch, toys.Alone))
    with pytest.raises(RuntimeError, match="size of tensor"):
        test_phases_of_different_shape_are_refused(register(monkeypatch, toys.TwoPhasesUnchecked))
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_any_size_comes_back_at_its_own_size(register(monkeypatch, toys.Toy, any_size=False))
    monkeypatch.delitem(CASES, "toy")
    with pytest.raises(AssertionError, match=r"give .*toy.* a line in .*cases\.py"):
        test_every_registered_network_has_a_case()
