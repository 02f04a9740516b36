"""Self-attention comparator of the context network's paper: the spatial extractor alone on the skip connections."""

from __future__ import annotations

from torch import nn

from LiverTumorAttentionLib.networks.comparators.cenet import CENet
from LiverTumorAttentionLib.networks.context import SpatialExtractor


class SelfAttentionNet(CENet):
    """CE-Net with spatial self-attention on its three skips.

    Source: Pang et al., Correlation Matters, section 3.2: "integrated their original spatial context extraction
        module into our backbone networks in lieu of ours"; Zhang et al., Self-attention generative adversarial
        networks (SAGAN), ICML 2019, Eq. 1-3; Wang et al., Non-local neural networks, CVPR 2018.
    Departs: SAGAN's module in its published form, with Q and K of C/8 and V of C channels, is the paper's own
        spatial extractor. SAGAN's text narrows V to C/8 and widens it again, which its code does not.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X).
    """

    def skip(self, channels: int) -> nn.Module:
        """The attention of a skip."""
        return SpatialExtractor(channels)
