"""The attention modules against loop transcriptions of their equations, and the trap in Eq. 2."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import AttentionMap, build_network
from LiverTumorAttentionLib.networks.phase_attention import (
    ConcatenationFusion,
    InterPhaseAttention,
    IntraPhaseAttention,
    IntraPhaseBlock,
    IntraPhaseFusion,
    PhaseAttentionBlock,
)

CT = Path(__file__).resolve().parents[4] / "shared" / "data" / "totalsegmentator-example" / "dicom"
SHARPNESS = 16.0  # of the scaled products; stated in the module's head
CONSTANT_SCALE = 1 / (1 + math.exp(-1))  # what s_c becomes if Eq. 2 is normalized over j


def random_maps(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).relu()


def product(a: np.ndarray, p: np.ndarray) -> float:
    """SHARPNESS / N * sum over positions of a(y, x) p(y, x), one channel each."""
    total = 0.0
    for y in range(a.shape[0]):
        for x in range(a.shape[1]):
            total += float(a[y, x]) * float(p[y, x])
    return SHARPNESS * total / (a.shape[0] * a.shape[1])


def intra_by_loops(portal: np.ndarray, gamma: float) -> np.ndarray:
    """Eq. 1 for one image (C, Y, X)."""
    channels = portal.shape[0]
    out = np.zeros(portal.shape)
    for j in range(channels):
        exponentials = [math.exp(product(portal[i], portal[j])) for i in range(channels)]
        for i in range(channels):
            m_ji = exponentials[i] / sum(exponentials)
            out[j] += gamma * m_ji * portal[i]
        out[j] += portal[j]
    return out


def inter_by_loops(arterial: np.ndarray, portal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eq. 2 to 4 for one image (C, Y, X): the rescaled maps and the scales."""
    channels = arterial.shape[0]
    x = np.zeros((channels, channels))
    for j in range(channels):
        exponentials = [math.exp(product(arterial[i], portal[j])) for i in range(channels)]
        for i in range(channels):
            x[i, j] = exponentials[i] / sum(exponentials)
    s = np.array([1 / (1 + math.exp(-sum(x[c, j] for j in range(channels)))) for c in range(channels)])
    out = np.stack([s[c] * arterial[c] + arterial[c] for c in range(channels)])
    return out, s


def test_intra_pa_is_equation_1():
    portal = random_maps((2, 5, 4, 3), seed=1)
    module = IntraPhaseAttention()
    torch.nn.init.constant_(module.gamma, 0.7)
    got = module(portal).detach().numpy()
    for image, result in zip(portal.numpy(), got, strict=True):
        np.testing.assert_allclose(result, intra_by_loops(image, 0.7), rtol=1e-4, atol=1e-5)


def test_intra_pa_starts_as_the_identity():
    portal = random_maps((2, 5, 4, 3), seed=2)
    module = IntraPhaseAttention()
    assert torch.equal(module(portal), portal)
    module(portal).sum().backward()
    assert module.gamma.grad is not None
    assert module.gamma.grad.abs() > 0  # and can leave it


def test_inter_pa_is_equations_2_to_4():
    arterial, portal = random_maps((2, 5, 4, 3), seed=3), random_maps((2, 5, 4, 3), seed=4)
    module = InterPhaseAttention()
    got, scales = module(arterial, portal).numpy(), module.scales(arterial, portal).numpy()
    for k in range(2):
        expected, s = inter_by_loops(arterial[k].numpy(), portal[k].numpy())
        np.testing.assert_allclose(scales[k], s, rtol=1e-5)
        np.testing.assert_allclose(got[k], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sharpness", [1, 4.0, 64.0])
def test_sharpness_multiplies_the_mean_of_the_products(sharpness: float):
    arterial, portal = random_maps((2, 5, 4, 3), seed=3), random_maps((2, 5, 4, 3), seed=4)
    products = np.einsum("bin,bjn->bij", arterial.flatten(2), portal.flatten(2)) / 12
    x = np.exp(sharpness * products) / np.exp(sharpness * products).sum(1, keepdims=True)
    got = InterPhaseAttention(sharpness).scales(arterial, portal)
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-x.sum(2))), rtol=1e-5)


def test_a_learned_sharpness_starts_at_16_and_is_trained():
    arterial, portal = random_maps((2, 5, 4, 3), seed=3), random_maps((2, 5, 4, 3), seed=4)
    fixed, learned = InterPhaseAttention(), InterPhaseAttention("learned")
    torch.testing.assert_close(learned.scales(arterial, portal), fixed.scales(arterial, portal))
    learned(arterial, portal).square().sum().backward()
    assert learned.log_sharpness.grad.abs() > 0
    names = {name for name, _ in build_network("paresseg", width=8, sharpness="learned").named_parameters()}
    before = {name for name, _ in build_network("paresseg", width=8).named_parameters()}
    assert names - before == {f"fusions.{i}.{m}.log_sharpness" for i in range(6) for m in ("intra", "inter")}
    one = build_network("paresseg", width=8, fusion="msf", sharpness="learned")
    assert not [name for name, _ in one.named_parameters() if "sharpness" in name]


@pytest.mark.parametrize("sharpness", [0, -1.0, "high", True, float("inf"), None])
def test_a_sharpness_out_of_range_is_refused(sharpness: object):
    with pytest.raises(ModelError, match=r'sharpness must be a number above 0 or "learned"; got '):
        build_network("paresseg", width=8, fusion="msf", sharpness=sharpness)


def test_inter_pa_normalises_over_the_arterial_channels():
    """The C columns of x sum to 1 each, so sum_c logit(s_c) = C; the rows are free."""
    arterial, portal = random_maps((3, 6, 8, 8), seed=5), random_maps((3, 6, 8, 8), seed=6)
    scales = InterPhaseAttention().scales(arterial, portal).double()
    np.testing.assert_allclose(torch.logit(scales).sum(1), [6.0, 6.0, 6.0], rtol=1e-5)
    assert (scales - CONSTANT_SCALE).abs().max() > 0.02


def test_inter_pa_prefers_the_arterial_channel_that_shows_what_the_portal_phase_shows():
    """Two arterial channels light up left and right; the portal channels show the left, then the right."""
    left, right = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    left[..., :4], right[..., 4:] = 1.0, 1.0
    arterial = torch.cat([left, right], 1)
    module = InterPhaseAttention()
    # both portal channels equal `left`: products are SHARPNESS / 2 with `left` and 0 with `right`
    x = math.exp(SHARPNESS / 2) / (math.exp(SHARPNESS / 2) + 1)
    expected = [1 / (1 + math.exp(-2 * x)), 1 / (1 + math.exp(-2 * (1 - x)))]
    np.testing.assert_allclose(module.scales(arterial, left.expand(1, 2, 8, 8))[0], expected, rtol=1e-5)
    np.testing.assert_allclose(
        module.scales(arterial, right.expand(1, 2, 8, 8))[0], expected[::-1], rtol=1e-5
    )


def blob_image(seed: int, side: int = 224, channels: int = 64) -> torch.Tensor:
    """Smooth non-negative maps with a dark border, as a normalized CT gives them: (1, C, side, side)."""
    coarse = random_maps((1, channels, side // 16, side // 16), seed)
    maps = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
    maps[..., : side // 8, :] = 0.0
    return maps


@pytest.mark.parametrize("autocast", [False, True], ids=["float32", "bf16"])
def test_scales_vary_and_follow_the_portal_phase_at_full_size(autocast: bool):
    """The first level of the paper: 16 channels of 224 x 224, 50,176 terms in each product."""
    torch.manual_seed(0)
    block = PhaseAttentionBlock(64).train()
    arterial, portal, other = blob_image(1), blob_image(2), blob_image(3)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        out = block(portal, arterial)
        a = block.arterial(arterial)
        scales = block.inter.scales(a, block.portal(portal))
        with_other_portal = block.inter.scales(a, block.portal(other))
        swapped = block.inter.scales(a, block.portal(portal).flip(1))
    assert out.shape == (1, 32, 224, 224)
    assert out.isfinite().all()
    assert scales.shape == (1, 16)
    assert scales.dtype == torch.float32
    assert ((scales > 0.5) & (scales < 1)).all()
    assert scales.std() > 0.005, "the scales are the same for every channel"
    assert scales.max() < 0.99, "one channel takes everything"
    assert (scales - with_other_portal).abs().max() > 0.002, "the scales do not follow the portal phase"
    torch.testing.assert_close(scales, swapped, rtol=1e-4, atol=1e-5)  # a sum over j: the order is nothing


def scales_on_ct(
    portal: torch.Tensor, seed: int, sharpness: float | str = SHARPNESS
) -> tuple[list[torch.Tensor], list[float]]:
    """Of an untrained network, a CT slice and a noisy copy of it: the scales, and the largest x, of each level."""
    generator = torch.Generator().manual_seed(seed)
    arterial = (0.8 * portal + 0.05 * torch.randn(portal.shape, generator=generator)).clamp(0, 1)
    network = build_network("paresseg", width=16, sharpness=sharpness, generator=generator).train()
    scales, largest = [], []
    with torch.no_grad():
        levels = zip(
            network.fusions, network.portal_encoder(portal), network.arterial_encoder(arterial), strict=True
        )
        for fusion, p, a in levels:
            p, a = fusion.portal(p), fusion.arterial(a)
            scales.append(fusion.inter.scales(a, p))
            products = fusion.inter.similarities(a.flatten(2), p.flatten(2))
            largest.append(products.softmax(1).max().item())
    return scales, largest


@pytest.mark.skipif(not CT.is_dir(), reason="no CT beside the repository (../shared/data)")
def test_scales_on_a_ct_slice_are_neither_flat_nor_one_hot():
    """The figures in the head of the module, over ten draws of the weights."""
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(CT))
    volume = sitk.GetArrayFromImage(sitk.ReadImage(names))[9:12, 140:364, 100:324].astype(np.float32)
    portal = torch.from_numpy(((volume + 70) / 250).clip(0, 1))[None]
    drawn = [scales_on_ct(portal, seed) for seed in range(10)]
    spread = [s.std().item() for scales, _ in drawn for s in scales]
    assert min(spread) > 0.025, "flat"
    assert max(spread) < 0.175
    assert max(x for _, largest in drawn for x in largest) < 0.955, "one-hot"
    flat = torch.cat([s.flatten() for seed in range(3) for s in scales_on_ct(portal, seed, 1.0)[0]])
    assert (flat - CONSTANT_SCALE).abs().max() < 0.03


ORDINARY = (0.1, 1.0, 3.0)
EXTREME = (0.0, 1e-30, 1e-4, 1e4, 65504.0, 1e15)


@pytest.mark.parametrize("autocast", [False, True], ids=["float32", "bf16"])
@pytest.mark.parametrize("size", ORDINARY + EXTREME)
def test_attention_on_64_channels_of_224_x_224(size: float, autocast: bool):
    """Real feature maps of ordinary size: the scales vary and follow the portal phase. Of any size: no inf or nan.

    What autocast computes is what float32 computes from the same bfloat16 maps.
    """
    module, intra = InterPhaseAttention(), IntraPhaseAttention()
    torch.nn.init.constant_(intra.gamma, 1.0)
    kind = torch.bfloat16 if autocast else torch.float32
    arterial, portal, other = ((size * blob_image(seed)).to(kind) for seed in (11, 12, 13))
    arterial.requires_grad_()
    portal.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        scales, with_other = module.scales(arterial, portal), module.scales(arterial, other)
        out, refined = module(arterial, portal), intra(portal)
    assert scales.shape == (1, 64)
    assert scales.dtype == torch.float32
    assert out.dtype == refined.dtype == kind
    assert torch.equal(scales, module.scales(arterial.float(), portal.float()))
    assert torch.equal(refined, intra(portal.float()).to(kind))
    (out.float().mean() + refined.float().mean()).backward()
    for tensor in (scales, out, refined, arterial.grad, portal.grad, intra.gamma.grad):
        assert tensor is not None
        assert tensor.isfinite().all()
    assert 0.5 <= scales.min() <= scales.max() <= 1
    if size == 0.1:  # products of 16 * 0.01: nearly flat, and still not constant
        assert scales.std() > 1e-4
    if size in ORDINARY[1:]:
        assert scales.std() > 0.01, "the scales are the same for every channel"
        assert (scales - with_other).abs().max() > 0.01, "the scales do not follow the portal phase"


def test_the_scales_that_are_applied_can_be_seen():
    arterial, portal = random_maps((2, 5, 6, 4), seed=20), random_maps((2, 5, 6, 4), seed=21)
    module = InterPhaseAttention()
    window = module.map
    assert isinstance(window, AttentionMap)
    assert window.kind == "vector"
    seen: list[torch.Tensor] = []
    window.register_forward_hook(lambda _, __, weights: seen.append(weights))
    out = module(arterial, portal)
    assert [tuple(weights.shape) for weights in seen] == [(2, 5)]
    torch.testing.assert_close(out, (1 + seen[0])[:, :, None, None] * arterial)
    assert not module.state_dict()


@pytest.mark.parametrize("side", [7, 14, 56, 224])
def test_products_neither_grow_with_the_size_of_the_tile_nor_overflow(side: int):
    """Repeating an image does not change the mean of its products, so it must not change the scales."""
    arterial, portal = random_maps((1, 8, 7, 7), seed=7), random_maps((1, 8, 7, 7), seed=8)
    repeat = (1, 1, side // 7, side // 7)
    module = InterPhaseAttention()
    expected = module.scales(arterial, portal)
    torch.testing.assert_close(module.scales(arterial.repeat(repeat), portal.repeat(repeat)), expected)
    large = module.scales(1e4 * arterial.repeat(repeat), 1e4 * portal.repeat(repeat))
    assert large.isfinite().all()


def test_half_precision_inputs_keep_their_type_and_do_not_overflow():
    """A bare product of float16 maps, 50,176 terms of 4 * 4, is beyond float16's 65,504."""
    maps = torch.full((1, 4, 224, 224), 4.0, dtype=torch.float16)
    intra = IntraPhaseAttention()
    torch.nn.init.constant_(intra.gamma, 1.0)
    with torch.no_grad():
        refined, rescaled = intra(maps), InterPhaseAttention()(maps, maps)
    assert refined.dtype == rescaled.dtype == torch.float16
    torch.testing.assert_close(refined, torch.full_like(maps, 8.0))  # equal channels: gamma * 4 + 4
    torch.testing.assert_close(rescaled, (4.0 * (1 + CONSTANT_SCALE)) * torch.ones_like(maps))


def test_the_block_concatenates_both_modules_on_the_unrefined_maps():
    """Figure 6: Inter-PA takes P itself, not what Intra-PA made of it; portal channels come first."""
    torch.manual_seed(1)
    block = PhaseAttentionBlock(16).eval()
    torch.nn.init.constant_(block.intra.gamma, 0.5)
    portal, arterial = random_maps((1, 16, 6, 5), seed=9), random_maps((1, 16, 6, 5), seed=10)
    with torch.no_grad():
        p, a = block.portal(portal)[0].numpy(), block.arterial(arterial)[0].numpy()
        got = block(portal, arterial)[0].numpy()
    expected = np.concatenate([intra_by_loops(p, 0.5), inter_by_loops(a, p)[0]])
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_the_ablations_leave_out_what_they_say():
    torch.manual_seed(2)
    full = PhaseAttentionBlock(16).eval()
    torch.nn.init.constant_(full.intra.gamma, 0.5)
    both, plain = IntraPhaseFusion(16).eval(), ConcatenationFusion(16).eval()
    single = IntraPhaseBlock(16).eval()
    both.load_state_dict(full.state_dict() | {"arterial_intra.gamma": torch.tensor([-0.7])})
    plain.load_state_dict({k: v for k, v in full.state_dict().items() if "gamma" not in k})
    single.load_state_dict({k: v for k, v in full.state_dict().items() if not k.startswith("arterial")})
    portal, arterial = random_maps((1, 16, 6, 5), seed=11), random_maps((1, 16, 6, 5), seed=12)
    with torch.no_grad():
        p, a = full.portal(portal), full.arterial(arterial)
        refined_a = torch.from_numpy(intra_by_loops(a[0].numpy(), -0.7)[None]).float()
        assert torch.equal(plain(portal, arterial), torch.cat([p, a], 1))
        torch.testing.assert_close(both(portal, arterial), torch.cat([full.intra(p), refined_a], 1))
        assert torch.equal(single(portal), full.intra(p))
        assert torch.equal(full(portal, arterial), torch.cat([full.intra(p), full.inter(a, p)], 1))


def test_phases_of_different_shape_are_refused():
    block = PhaseAttentionBlock(16)
    with pytest.raises(ModelError, match=r"same shape; got \(1, 16, 6, 5\) and \(1, 16, 6, 6\)"):
        block(torch.zeros(1, 16, 6, 5), torch.zeros(1, 16, 6, 6))
