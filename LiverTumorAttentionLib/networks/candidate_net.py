"""The 3D networks of the second look: from a patch around one candidate to the logit of its being a lesion."""

from __future__ import annotations

import torch
from torch import nn

from LiverTumorAttentionLib.networks.checks import check_count, check_volume

CHANNELS = 7
"""Channels of its input; `postprocessing.candidate_patches` says what each is."""
SLOPE = 0.01
"""Slope of LeakyReLU below 0."""


class CandidateNet(nn.Module):
    """Six 3x3x3 convolutions in three levels, mean and maximum over what is left, one linear layer.

    Source: Dou et al., Multilevel contextual 3-D CNNs for false positive reduction in pulmonary nodule detection, IEEE
        TBME 2017: a small 3D network on a patch around each candidate.
    Departs: one network in place of three of different sizes, since the patch grows with the candidate; its step is a
        channel. Batch normalization; strides in place of pooling, the first at once: a candidate has to be judged in
        tens of milliseconds by one core.
    Shape: (B, in_channels, Z, Y, X) -> logits (B,).
    """

    def __init__(self, in_channels: int = CHANNELS, width: int = 16, dropout: float = 0.3) -> None:
        super().__init__()
        check_count("in_channels", in_channels, minimum=1)
        check_count("width", width, minimum=1)
        self.in_channels = in_channels
        levels = [(in_channels, width, 2), (width, 2 * width, 1), (2 * width, 3 * width, 2)]
        levels += [(3 * width, 3 * width, 1), (3 * width, 4 * width, 2), (4 * width, 4 * width, 1)]
        self.features = nn.Sequential(*(_convolution(*level) for level in levels))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8 * width, 1)

    def forward(self, patch: torch.Tensor) -> torch.Tensor:
        check_volume("the patch", patch, channels=self.in_channels)
        x = self.features(patch)
        pooled = torch.cat([x.mean((2, 3, 4)), x.amax((2, 3, 4))], dim=1)
        logits: torch.Tensor = self.head(self.dropout(pooled))[:, 0]
        return logits


class CandidateEnsemble(nn.Module):
    """Some `CandidateNet` of one size, each trained from other first weights; the logit is the mean of theirs.

    Source: Lakshminarayanan et al., Simple and scalable predictive uncertainty estimation using deep ensembles,
        NeurIPS 2017.
    Departs: logits are averaged in place of probabilities, since a curve is fitted to the logit.
    Shape: (B, in_channels, Z, Y, X) -> logits (B,).
    """

    def __init__(
        self, in_channels: int = CHANNELS, members: int = 3, width: int = 16, dropout: float = 0.3
    ) -> None:
        super().__init__()
        check_count("members", members, minimum=1)
        self.in_channels = in_channels
        self.members = nn.ModuleList(CandidateNet(in_channels, width, dropout) for _ in range(members))

    def forward(self, patch: torch.Tensor) -> torch.Tensor:
        return torch.stack([member(patch) for member in self.members]).mean(0)


def _convolution(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.BatchNorm3d(out_channels),
        nn.LeakyReLU(SLOPE),
    )
