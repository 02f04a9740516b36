"""SENet comparator of the context network's paper: squeeze and excitation on the skip connections of CE-Net."""

from __future__ import annotations

import torch
from torch import nn

from LiverTumorAttentionLib.networks.comparators.cenet import CENet
from LiverTumorAttentionLib.networks.layers import AttentionMap


class SqueezeExcitation(nn.Module):
    """Weigh channels by what they all show on the average.

    Source: Hu et al., Squeeze-and-excitation networks, CVPR 2018, Eq. 2-4:
        z_c = mean over places of u_c;  s = sigmoid(W_2 ReLU(W_1 z));  out_c = s_c u_c
    Departs: none; the reduction ratio is 16, at least one value is kept, and both layers have biases.
    Shape: (B, C, Y, X) -> same.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        inner = max(channels // reduction, 1)
        self.squeeze = nn.Linear(channels, inner)
        self.excite = nn.Linear(inner, channels)
        self.map = AttentionMap("vector", "channels of one skip, s (SENet, Eq. 3)")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        s = torch.sigmoid(self.excite(torch.relu(self.squeeze(x.mean(dim=(2, 3))))))
        return self.map(s)[:, :, None, None] * x


class SENet(CENet):
    """CE-Net with squeeze and excitation on its three skips.

    Source: Pang et al., Correlation Matters, Table 1, "SENet [15]"; Hu et al., CVPR 2018.
    Departs: "embedding squeeze-and-excitation blocks after skip connections" (Correlation Matters, section 3.2) is read
        as on the skips, where the paper's own blocks stand. It does not say of which network; here it is the paper's
        backbone, so that the two differ by the attention alone.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X).
    """

    def skip(self, channels: int) -> nn.Module:
        """The block of a skip."""
        return SqueezeExcitation(channels)
