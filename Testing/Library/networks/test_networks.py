"""PA-ResSeg's family as wholes: sizes, counts from Table 3, learning, precision, export."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import build_network

NETWORKS = [
    ("resseg", {}),
    ("paresseg", {}),
    ("paresseg", {"fusion": "msf"}),
    ("paresseg", {"fusion": "msf_intra"}),
    ("resseg_intra", {}),
    ("dmp", {}),
    ("mpf", {}),
    ("paresseg", {"backbone": "unet"}),
]
IDS = [
    "resseg",
    "paresseg",
    "paresseg-msf",
    "paresseg-msf_intra",
    "resseg_intra",
    "dmp",
    "mpf",
    "paresseg-unet",
]
TABLE_3_ENCODER = [64, 128, 256, 512, 512, 512]
TABLE_3_DECODER = [[16], [32, 16], [64, 32, 16], [128, 64, 32, 16], [256, 128, 64, 32, 16]]


def small(name: str, seed: int = 0, **arguments: object) -> nn.Module:
    return build_network(name, generator=torch.Generator().manual_seed(seed), width=8, **arguments)


def images(network: nn.Module, size: tuple[int, int], batch: int = 2, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand((batch, 3, *size), generator=generator) for _ in network.phases]


def conv_norm(inputs: int, outputs: int, kernel: int) -> int:
    """A convolution without bias and its normalization's gain and offset."""
    return inputs * outputs * kernel**2 + 2 * outputs


def encoder_count(inputs: int) -> int:
    count = conv_norm(inputs, 64, 3) + conv_norm(64, 64, 3)
    for coarse, fine in zip(TABLE_3_ENCODER[1:], TABLE_3_ENCODER[:-1], strict=True):
        count += conv_norm(fine, coarse, 3) + 3 * conv_norm(coarse, coarse, 3)
        if fine != coarse:
            count += conv_norm(fine, coarse, 1)
    return count


def decoder_count(inputs: list[int], classes: int) -> int:
    count = conv_norm(inputs[0], 16, 3)
    for channels, chain in zip(inputs[1:], TABLE_3_DECODER, strict=True):
        for outputs in chain:
            count += conv_norm(channels, outputs, 4)
            channels = outputs
    return count + conv_norm(96, 96, 3) + 96 * classes * 9 + classes


def unet_count(inputs: int, decoded: list[int], classes: int) -> tuple[int, int]:
    """U-Net's encoder, 64 channels first; its decoder and head for maps of the widths `decoded`."""
    up = sum(4 * b * a + a + 9 * 2 * a * a + a + 9 * a * a + a for a, b in pairwise(decoded))
    widths = [64, 128, 256, 512, 1024]
    down = sum(9 * a * b + b + 9 * b * b + b for a, b in pairwise([inputs, *widths]))
    return down, up + decoded[0] * classes + classes


def test_parameter_counts_follow_from_table_3():
    """The counts that networks/README.md states."""
    with torch.device("meta"):
        counts = {
            (name, *arguments.values()): sum(p.numel() for p in build_network(name, **arguments).parameters())
            for name, arguments in NETWORKS
        }
    fusion = sum(2 * conv_norm(channels, channels // 4, 3) for channels in TABLE_3_ENCODER)
    fused = 2 * encoder_count(3) + fusion + decoder_count([c // 2 for c in TABLE_3_ENCODER], 2)
    single = encoder_count(3) + decoder_count(TABLE_3_ENCODER, 2)
    unet_widths = [64, 128, 256, 512, 1024]
    down, up = unet_count(3, [c // 2 for c in unet_widths], 2)
    assert counts == {
        ("resseg",): single,
        ("paresseg",): fused + 6,  # one gamma a level
        ("paresseg", "msf"): fused,
        ("paresseg", "msf_intra"): fused + 12,
        ("resseg_intra",): encoder_count(3)
        + fusion // 2
        + 6
        + decoder_count([c // 4 for c in TABLE_3_ENCODER], 2),
        ("dmp",): single + 3 * 64 * 9,
        ("mpf",): 2 * single,
        ("paresseg", "unet"): 2 * down + up + sum(2 * conv_norm(c, c // 4, 3) for c in unet_widths) + 5,
    }
    assert list(counts.values()) == [
        34_787_714, 66_734_600, 66_734_594, 66_734_606, 33_869_416, 34_789_442, 69_575_428, 47_021_607,
    ]  # fmt: skip


def test_the_released_paresseg_has_a_convolution_behind_each_attention_and_a_smaller_head():
    """What the release has beyond `refine`: biases of convolutions before a normalization, and a scale of Inter-PA."""
    with torch.device("meta"):
        counts = [
            sum(p.numel() for p in build_network("paresseg", refine=refine).parameters())
            for refine in (False, True)
        ]
    behind = sum(2 * conv_norm(c // 4, c // 4, 3) for c in TABLE_3_ENCODER)
    assert counts[1] - counts[0] == behind - 96 * 2 * (9 - 1)
    assert counts == [66_734_600, 67_716_552]
    first, *others = TABLE_3_ENCODER
    biases = 2 * (2 * first + sum(4 * c for c in others)) + 16 + 96
    assert counts[1] + biases + len(TABLE_3_ENCODER) == 67_732_286


def test_levels_can_be_left_out_or_added():
    """Level 7 would be as wide as level 6; every level costs its two residual blocks and its chain."""
    with torch.device("meta"):
        counts = {
            levels: sum(p.numel() for p in build_network("resseg", levels=levels).parameters())
            for levels in (5, 6, 7)
        }
    stage = 4 * conv_norm(512, 512, 3)
    chain = [512, 512, 256, 128, 64, 32, 16]
    added = stage + sum(conv_norm(a, b, 4) for a, b in pairwise(chain))
    final = conv_norm(112, 112, 3) + 112 * 2 * 9 - conv_norm(96, 96, 3) - 96 * 2 * 9
    assert counts[7] - counts[6] == added + final
    assert counts[5] < counts[6]
    for name in ("resseg", "resseg_intra", "paresseg", "dmp", "mpf"):
        network = small(name, levels=3).eval()
        with torch.no_grad():
            assert network(*images(network, (4, 7))).shape == (2, 2, 4, 7)
        with pytest.raises(ModelError, match=r"levels must be a whole number, at least 2; got 1"):
            small(name, levels=1)


def test_feature_maps_have_the_sizes_of_table_3():
    with torch.device("meta"):
        network = build_network("resseg")
        features = network.encoder(torch.zeros(1, 3, 224, 224))
        sizes: list[tuple[int, int]] = []
        for chain in network.decoder.chains.values():
            for step in chain:
                step.register_forward_hook(lambda _m, _i, out: sizes.append((out.shape[1], out.shape[2])))
        logits = network(torch.zeros(1, 3, 224, 224))
    sides = [224, 112, 56, 28, 14, 7]
    assert [tuple(f.shape[1:]) for f in features] == [
        (c, s, s) for c, s in zip(TABLE_3_ENCODER, sides, strict=True)
    ]
    assert sizes == [
        (16, 224),
        *[(32, 112), (16, 224)],
        *[(64, 56), (32, 112), (16, 224)],
        *[(128, 28), (64, 56), (32, 112), (16, 224)],
        *[(256, 14), (128, 28), (64, 56), (32, 112), (16, 224)],
    ]
    assert logits.shape == (1, 2, 224, 224)


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (37, 101), (64, 96)])
@pytest.mark.parametrize(("name", "arguments"), NETWORKS[:2], ids=IDS[:2])
def test_any_size_comes_back_at_its_own_size(name: str, arguments: dict, size: tuple[int, int]):
    network = small(name, classes=3, **arguments).eval()
    with torch.no_grad():
        logits = network(*images(network, size))
    assert logits.shape == (2, 3, *size)
    assert logits.isfinite().all()
    assert logits.min() < 0 < logits.max()  # logits, not probabilities


def test_the_surplus_of_an_odd_size_is_cut_behind_and_not_before():
    """The levels stay aligned at row 0, column 0: the coarse map of a bright corner stays in that corner."""
    network = small("resseg")
    step = network.decoder.chains["upsampling_1"][0].eval()
    nn.init.constant_(step.conv.weight, 1.0)
    coarse = torch.zeros(1, step.conv.in_channels, 17, 17)
    coarse[..., 0, 0] = 1.0
    with torch.no_grad():
        fine = step(coarse, (33, 34))
    assert fine.shape[2:] == (33, 34)
    lit = (fine[0, 0] > 0).nonzero()
    assert lit.min(0).values.tolist() == [0, 0]
    assert lit.max(0).values.tolist() == [2, 2]  # 4x4 kernel, padding 1: rows -1 to 2


@pytest.mark.parametrize(("name", "arguments"), NETWORKS, ids=IDS)
def test_training_reaches_every_parameter_and_lowers_the_loss(name: str, arguments: dict):
    network = small(name, **arguments).train()
    inputs = images(network, (64, 64))
    target = (inputs[-1].mean(1) > 0.5).long()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01)
    losses = []
    for _ in range(2):
        loss = nn.functional.cross_entropy(network(*inputs), target)
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
        assert not without
        optimiser.step()
    assert losses[1] < losses[0]


@pytest.mark.parametrize(("name", "arguments"), NETWORKS[:2], ids=IDS[:2])
def test_training_in_bf16_learns_and_agrees_with_float32(name: str, arguments: dict):
    """channels_last and autocast, as training runs: find the squares that only the last phase shows."""
    network = small(name, **arguments).to(memory_format=torch.channels_last).train()
    inputs = images(network, (64, 80))
    target = torch.zeros(2, 64, 80, dtype=torch.long)
    target[0, 10:30, 20:40] = target[1, 40:60, 5:25] = 1
    inputs[-1] += target[:, None]
    inputs = [x.contiguous(memory_format=torch.channels_last) for x in inputs]
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(40):
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(*inputs)
        optimiser.zero_grad()
        nn.functional.cross_entropy(logits.float(), target).backward()
        assert all(p.grad.isfinite().all() for p in network.parameters())
        optimiser.step()
    with torch.no_grad():
        for _ in range(30):  # let the running statistics settle
            network(*inputs)
        network.eval()
        exact = network(*inputs).softmax(1)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(*inputs)
    assert logits.dtype == torch.bfloat16
    assert logits.isfinite().all()
    error = (logits.float().softmax(1) - exact).abs()
    assert error.mean() < 0.01
    assert error.max() < 0.2
    assert ((exact[:, 1] > 0.5) == target).float().mean() > 0.98


@pytest.mark.parametrize(("name", "arguments"), NETWORKS[:2], ids=IDS[:2])
def test_evaluation_is_deterministic_and_leaves_the_network_as_it_was(name: str, arguments: dict):
    network = small(name, **arguments).eval()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    inputs = images(network, (48, 40))
    copies = [x.clone() for x in inputs]
    with torch.no_grad():
        first, second = network(*inputs), network(*inputs)
        alone = network(*[x[:1] for x in inputs])
    assert torch.equal(first, second)
    torch.testing.assert_close(alone, first[:1], rtol=1e-4, atol=1e-5)  # no image sees its neighbor
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert all(torch.equal(x, y) for x, y in zip(inputs, copies, strict=True))


def test_paresseg_uses_both_phases_and_tells_them_apart():
    network = small("paresseg").eval()
    portal, arterial = images(network, (64, 64))
    with torch.no_grad():
        logits = network(portal, arterial)
        assert not torch.allclose(logits, network(portal, torch.zeros_like(arterial)))
        assert not torch.allclose(logits, network(torch.zeros_like(portal), arterial))
        assert not torch.allclose(logits, network(arterial, portal))


def test_paresseg_fuses_at_all_six_levels():
    network = small("paresseg")
    widths: list[tuple[int, int]] = []
    for fusion in network.fusions:
        fusion.register_forward_hook(lambda _m, i, out: widths.append((i[0].shape[1], out.shape[1])))
    network(*images(network, (64, 64)))
    assert widths == [(8, 4), (16, 8), (32, 16), (64, 32), (64, 32), (64, 32)]


@pytest.mark.parametrize(("name", "arguments"), NETWORKS[:2], ids=IDS[:2])
def test_export_gives_the_same_numbers(name: str, arguments: dict):
    network = small(name, **arguments).eval()
    inputs = images(network, (64, 48))
    exported = torch.export.export(network, tuple(inputs)).module()
    with torch.no_grad():
        torch.testing.assert_close(exported(*inputs), network(*inputs))


REFUSED = [
    ((2, 3, 64), r"portal phase must have 4 dimensions, \(batch, 3, rows, columns\); got \(2, 3, 64\)"),
    ((2, 1, 64, 64), r"portal phase must have 3 channels.*got \(2, 1, 64, 64\).*in_channels=1"),
    ((2, 3, 31, 64), r"portal phase must be at least 32 x 32 pixels; got \(2, 3, 31, 64\)"),
    ((2, 3, 64, 64), r"must have the same shape; got \(2, 3, 64, 64\) and \(2, 3, 64, 72\)"),
]


@pytest.mark.parametrize(("shape", "message"), REFUSED, ids=["dimensions", "channels", "small", "unequal"])
def test_images_that_do_not_fit_are_refused(shape: tuple[int, ...], message: str):
    with pytest.raises(ModelError, match=message):
        small("paresseg")(torch.zeros(shape), torch.zeros(2, 3, 64, 72))
    if "same shape" not in message:
        with pytest.raises(ModelError, match=message.replace("portal phase", "image")):
            small("resseg")(torch.zeros(shape))


def test_a_missing_phase_is_named():
    for name in ("paresseg", "dmp", "mpf"):
        with pytest.raises(ModelError, match="needs 2 phases, portal and arterial; got 1: use resseg"):
            small(name)(torch.zeros(1, 3, 64, 64))
    with pytest.raises(ModelError, match=r"must have 3 channels.*got \(1, 6, 64, 64\)"):
        small("resseg")(torch.zeros(1, 6, 64, 64))
