"""The multi-scale fine-grained context network: self-attention over positions and channels on every skip connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn
from torch.nn import functional

from LiverTumorAttentionLib.networks.checks import check_choice
from LiverTumorAttentionLib.networks.comparators.cenet import CENet

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"none": nn.Identity, "relu": nn.ReLU}
"""What f of Eq. 1 may be."""


class SpatialExtractor(nn.Module):
    """Add to every place what all places show that resemble it.

    Source: Pang et al., Correlation Matters, section 2.2, Eq. 1-3:
        Q = f(w_1 X + b_1);  K = f(w_2 X + b_2)      1x1 convolutions to C/8 channels
        M_ij = exp(q_i . k_j) / sum_j exp(q_i . k_j)
        X^s = alpha M V + X                          V: a convolution to C channels; alpha is learned
    Departs: f of Eq. 1 is "a non-linear activation function" without a name. `activation` "none" leaves it out, as
        the networks that the extractor follows do (SAGAN, DANet); "relu" has one. alpha starts at 0, as in both; the
        paper gives it no first value. The convolution to V is 1x1, which the paper does not say and its 0.37 % needs.
        M has (Y X)^2 entries, 12,544^2 at 112 x 112, and is never held: torch's attention works through it in blocks.
        It does so on a CPU only where Q, K and V have equally many channels, so that Q and K are filled up with zeros,
        which changes no product.
    Shape: (B, C, Y, X) -> same; memory O(B C Y X).
    """

    about = "places that one place attends to, M (Correlation Matters, Eq. 2)"

    def __init__(self, channels: int, activation: str = "none") -> None:
        super().__init__()
        self.activation = ACTIVATIONS[check_choice("activation", activation, ACTIVATIONS)]()
        self.query = nn.Conv2d(channels, channels // 8, kernel_size=1)
        self.key = nn.Conv2d(channels, channels // 8, kernel_size=1)
        self.value = nn.Conv2d(channels, channels, kernel_size=1)
        self.alpha = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k = (rows(self.activation(conv(x))) for conv in (self.query, self.key))
        v = rows(self.value(x))
        missing = v.shape[-1] - q.shape[-1]
        q, k = functional.pad(q, (0, missing)), functional.pad(k, (0, missing))
        gathered = functional.scaled_dot_product_attention(q, k, v, scale=1.0)
        return self.alpha * gathered.transpose(-1, -2).reshape(x.shape) + x

    def attention_of(self, x: torch.Tensor, row: int, column: int) -> torch.Tensor:
        """Return the row of M that belongs to one place: (B, C, Y, X) -> (B, 1, Y, X), float32, sum 1."""
        q = self.activation(self.query(x[:, :, row : row + 1, column : column + 1]))
        with torch.autocast(x.device.type, enabled=False):
            products = (q.float() * self.activation(self.key(x.float())).float()).sum(dim=1)
            return torch.softmax(products.flatten(1), dim=1).reshape(x.shape[0], 1, *x.shape[2:])


class ChannelExtractor(nn.Module):
    """Add to every channel what all channels show that resemble it.

    Source: Correlation Matters, section 2.3, Eq. 4-6; X is the N x C matrix of a map of N places:
        M_ij = exp(x_i . x_j) / sum_j exp(x_i . x_j)    over channels
        X^c = beta X M + X                              beta: "a parameter"
    Departs: beta is learned and starts at 0, as DANet's; the paper says neither. In float32 also under autocast.
        As printed: the products sum over all places and are not scaled, so that on real maps M is close to one-hot (a
        row's largest product wins); and M is normalized over j, the channel that comes out, where DANet normalizes
        over those that are summed.
    Shape: (B, C, Y, X) -> same; memory O(B C^2). No convolutions.
    """

    def __init__(self) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(x.device.type, enabled=False):
            channels = x.float().flatten(2)  # (B, C, N), X transposed
            m = torch.softmax(torch.bmm(channels, channels.transpose(1, 2)), dim=2)
            gathered = torch.bmm(m.transpose(1, 2), channels)
            added = self.beta * gathered.reshape(x.shape) + x.float()
        return added.to(x.dtype)


class ContextBlock(nn.Module):
    """Fine-grained contextual information aggregation: both extractors side by side, summed.

    Source: Correlation Matters, Eq. 7:  X^ = X^s + X^c, and Figure 3.
    Departs: none. While alpha and beta are 0 it doubles its input.
    Shape: (B, C, Y, X) -> same.
    """

    def __init__(self, channels: int, activation: str = "none") -> None:
        super().__init__()
        self.spatial = SpatialExtractor(channels, activation)
        self.channel = ChannelExtractor()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.spatial(x) + self.channel(x)


class ContextNet(CENet):
    """Multi-scale fine-grained context network: CE-Net with a context block on each of its three skips.

    Source: Pang et al., Correlation matters: Multi-scale fine-grained contextual information extraction for
        hepatic tumor segmentation, PAKDD 2020, section 2 and Figure 2. The blocks add 108,086 parameters, 0.37 %
        of the backbone's 29.00 M, as the paper says.
    Departs: see CENet and the parts; `activation` is f of Eq. 1. Returns logits, without the softmax.
    Shape: (B, in_channels, Y, X) -> logits (B, classes, Y, X). The paper's slices have 448 x 448 pixels.

    Raises ModelError when an argument is out of range or the image does not fit.
    """

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 2,
        width: int = 64,
        blocks: Sequence[int] = (3, 4, 6, 3),
        activation: str = "none",
    ) -> None:
        super().__init__(in_channels, classes, width, blocks)
        chosen = ACTIVATIONS[check_choice("activation", activation, ACTIVATIONS)]
        for block in self.skips:
            if isinstance(block, ContextBlock):
                block.spatial.activation = chosen()

    def skip(self, channels: int) -> nn.Module:
        """The context block of a skip."""
        return ContextBlock(channels)

    def load_imagenet(self, state: Mapping[str, torch.Tensor]) -> None:
        """Load torchvision's ResNet-34 state dict into the encoder, as the paper starts. Raises ModelError."""
        self.encoder.load_imagenet(state)


def rows(x: torch.Tensor) -> torch.Tensor:
    """(B, C, Y, X) -> (B, 1, Y * X, C): one row a place, one head."""
    return x.flatten(2).transpose(1, 2)[:, None].contiguous()
