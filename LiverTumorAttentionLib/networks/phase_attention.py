"""The phase attention block and its two modules (section 3.D and Figure 6 of PA-ResSeg).

A and P are feature maps of the arterial and the portal venous phase, C channels and N = Y * X positions;
A' and P' are the same as C x N matrices.

Departs, in both modules: Eq. 1 and 2 take the softmax of bare sums over up to 50,176 positions. It would be
one-hot, pass no gradient, and change with the size of the tile. Here the sums are SHARPNESS times the mean
over positions, in float32 also under autocast. The mean alone is too flat: on a CT slice, before training,
every s_c lies within 0.03 of sigmoid(1) = 0.731. With 16, which is what the usual 1 / sqrt(N) gives on a
16 x 16 map, s_c has a standard deviation over the channels of 0.03 to 0.17 (ten draws of the weights, six
levels, width 16; 0.03 to 0.11 at width 64), and no softmax gives one channel more than 0.95. From there, the
gain of the normalization that precedes P and A sharpens or flattens it. Other numbers, and one that is learned, are
an argument; `python -m Testing.benchmarks.phase_attention` measures them.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks.layers import AttentionMap, ConvNormReLU

SHARPNESS = 16.0
LEARNED = "learned"
"""The sharpness that is a number that training changes, one an attention."""


class _PhaseAttention(nn.Module):
    """What Intra-PA and Inter-PA share: how sharp their softmax is.

    sharpness: a number above 0 that multiplies the mean over positions; "learned": a parameter that starts at 16, of
    which the logarithm is kept, so that it stays above 0. Raises ModelError for anything else.
    Source: PA-ResSeg, Eq. 1 and 2, whose products of channels are summed over positions as they are.
    Departs: the sum is a mean times the sharpness, as the head of this file says.
    Shape: (B, C, N), (B, C, N) -> (B, C, C).
    """

    def __init__(self, sharpness: float | str = SHARPNESS) -> None:
        super().__init__()
        learned = check_sharpness(sharpness) == LEARNED
        self.fixed = SHARPNESS if isinstance(sharpness, str) else float(sharpness)
        self.log_sharpness = nn.Parameter(torch.tensor([math.log(SHARPNESS)])) if learned else None

    def similarities(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """sharpness * L_i . R_j / N for all channels i and j: (B, C, N), (B, C, N) -> (B, C, C), float32."""
        sharpness = self.fixed if self.log_sharpness is None else self.log_sharpness.exp()
        return torch.bmm(left * (sharpness / left.shape[2]), right.transpose(1, 2))


class IntraPhaseAttention(_PhaseAttention):
    """Refine the portal venous channels by their similarity to one another.

    Source: PA-ResSeg, Eq. 1, after the channel attention of DANet (Fu et al., CVPR 2019):
        m_ji = exp(P'_i . P'_j) / sum_i exp(P'_i . P'_j);  out_j = gamma * sum_i m_ji P'_i + P'_j
    Departs: products are scaled as the head of this file says. gamma is DANet's (the paper writes a plain
        sum) and starts at 0: the block starts as the identity. DANet's code takes softmax(rowmax - energy),
        which prefers the *least* similar channels; Eq. 1 does not, and neither does this. The weights m_ji of
        an output channel j sum to 1, as in DANet's sum; the text's "transpose of M" leaves this open.
    Shape: (B, C, Y, X) -> same; memory O(B C^2).
    """

    def __init__(self, sharpness: float | str = SHARPNESS) -> None:
        super().__init__(sharpness)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, portal: torch.Tensor) -> torch.Tensor:
        with torch.autocast(portal.device.type, enabled=False):
            p = portal.float().flatten(2)
            m = torch.softmax(self.similarities(p, p), dim=-1)  # (B, j, i), normalized over i
            refined = self.gamma * torch.bmm(m, p) + p
        return refined.reshape(portal.shape).to(portal.dtype)


class InterPhaseAttention(_PhaseAttention):
    """Rescale each arterial channel by how much of the portal venous channels it explains.

    Source: PA-ResSeg, Eq. 2-4:
        x_ij = exp(A'_i . P'_j) / sum_i exp(A'_i . P'_j)     i: arterial channel, j: portal channel
        s_c = sigmoid(sum_j x_cj);  out_c = s_c a_c + a_c
    Departs: products are scaled as the head of this file says. The sigmoid of Eq. 3 is printed without its
        minus sign; the ordinary one is meant. The softmax runs over i, as Eq. 2 has it: over j every row of x
        would sum to 1, and s_c would be sigmoid(1) = 0.731 for every channel of every image.
    Shape: (B, C, Y, X), (B, C, Y, X) -> (B, C, Y, X); memory O(B C^2). No parameters.
    """

    def __init__(self, sharpness: float | str = SHARPNESS) -> None:
        super().__init__(sharpness)
        self.map = AttentionMap("vector", "arterial channels, s (PA-ResSeg, Eq. 3)")

    def scales(self, arterial: torch.Tensor, portal: torch.Tensor) -> torch.Tensor:
        """The scale s of every arterial channel, (B, C), float32, between 0.5 and 1 (Eq. 2 and 3)."""
        with torch.autocast(arterial.device.type, enabled=False):
            a, p = arterial.float().flatten(2), portal.float().flatten(2)
            x = torch.softmax(self.similarities(a, p), dim=1)  # (B, i, j), normalized over i
            return torch.sigmoid(x.sum(dim=2))

    def forward(self, arterial: torch.Tensor, portal: torch.Tensor) -> torch.Tensor:
        s = self.map(self.scales(arterial, portal)).to(arterial.dtype)
        return s[:, :, None, None] * arterial + arterial


class ConcatenationFusion(nn.Module):
    """Fuse two phases by concatenation alone: multi-scale fusion without attention ("MSF").

    Source: PA-ResSeg, section 3.C, Figure 5c and Table 4.
    Departs: each phase passes the convolution to C/4 channels that the phase attention block has (Figure 6),
        with batch normalization and ReLU behind it, so that the fusions differ by their attention alone.
        refine: each phase passes a further 3x3 convolution to C/4 channels, with batch normalization and ReLU,
        behind its attention, as in the authors' release (github.com/csying/PA-ResSeg); the paper's
        text and Figure 6 have none. sharpness: of what attention there is, see the head of this file.
    Shape: portal (B, C, Y, X), arterial (B, C, Y, X) -> (B, C/2, Y, X), portal channels first.
    """

    def __init__(self, channels: int, refine: bool = False, sharpness: float | str = SHARPNESS) -> None:
        super().__init__()
        self.portal = ConvNormReLU(channels, channels // 4)
        self.arterial = ConvNormReLU(channels, channels // 4)
        self.portal_refined = ConvNormReLU(channels // 4, channels // 4) if refine else nn.Identity()
        self.arterial_refined = ConvNormReLU(channels // 4, channels // 4) if refine else nn.Identity()

    def forward(self, portal: torch.Tensor, arterial: torch.Tensor) -> torch.Tensor:
        if portal.shape != arterial.shape:
            raise ModelError(
                "the portal and the arterial phase must have the same shape; "
                f"got {tuple(portal.shape)} and {tuple(arterial.shape)}"
                ": resample one onto the other"
            )
        p, a = self.attend(self.portal(portal), self.arterial(arterial))
        return torch.cat([self.portal_refined(p), self.arterial_refined(a)], dim=1)

    def attend(self, p: torch.Tensor, a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What is made of P and A, (B, C/4, Y, X) each, before they are concatenated."""
        return p, a


class IntraPhaseBlock(nn.Module):
    """Attention within one phase, where there is but one ("Single + Intra-PA").

    Source: PA-ResSeg, section 4.C, "a single ResSeg with intra-PA module", row 2 of Table 4.
    Departs: the paper says no more. The convolution is that of the phase attention block.
    Shape: (B, C, Y, X) -> (B, C/4, Y, X).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.portal = ConvNormReLU(channels, channels // 4)
        self.intra = IntraPhaseAttention()

    def forward(self, portal: torch.Tensor) -> torch.Tensor:
        return self.intra(self.portal(portal))


class IntraPhaseFusion(ConcatenationFusion):
    """Fuse two phases with attention within each of them, none between them ("MSF + Intra-PA").

    Source: PA-ResSeg, section 4.C, "a MSF-ResSeg network with only intra-PA modules for both phases", row 4
        of Table 4.
    Shape: portal (B, C, Y, X), arterial (B, C, Y, X) -> (B, C/2, Y, X), portal channels first.
    """

    def __init__(self, channels: int, refine: bool = False, sharpness: float | str = SHARPNESS) -> None:
        super().__init__(channels, refine, sharpness)
        self.intra = IntraPhaseAttention(sharpness)
        self.arterial_intra = IntraPhaseAttention(sharpness)

    def attend(self, p: torch.Tensor, a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.intra(p), self.arterial_intra(a)


class PhaseAttentionBlock(ConcatenationFusion):
    """Fuse two phases with attention within the portal venous phase and between the phases ("MSF + PA").

    Source: PA-ResSeg, section 3.D and Figure 6:
        out = concatenate(Intra-PA(P), Inter-PA(A, P))
    Departs: the paper says "a convolution layer" makes P, and A. It is 3x3, to C/4 channels, with batch
        normalization and ReLU behind it, as the convolution before DANet's channel attention has.
    Shape: portal (B, C, Y, X), arterial (B, C, Y, X) -> (B, C/2, Y, X), portal channels first.
    """

    def __init__(self, channels: int, refine: bool = False, sharpness: float | str = SHARPNESS) -> None:
        super().__init__(channels, refine, sharpness)
        self.intra = IntraPhaseAttention(sharpness)
        self.inter = InterPhaseAttention(sharpness)

    def attend(self, p: torch.Tensor, a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.intra(p), self.inter(a, p)


def check_sharpness(sharpness: object) -> float | str:
    """Return a number above 0, or "learned". Raises ModelError for anything else."""
    if sharpness == LEARNED:
        return LEARNED
    number = isinstance(sharpness, int | float) and not isinstance(sharpness, bool)
    if not number or not 0 < sharpness < math.inf:  # type: ignore[operator]
        raise ModelError(
            f'sharpness must be a number above 0 or "{LEARNED}"; got {sharpness!r}: give one of these'
        )
    return float(sharpness)  # type: ignore[arg-type]
