"""Two sound little networks, and others with one fault each, to see that the common checks find it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks.checks import check_slices
from LiverTumorAttentionLib.networks.layers import AttentionMap, crop_to, pad_to_multiple


class Toy(nn.Module):
    """Two convolutions, one of them on the coarser grid, and a gate with a scale that starts at 0."""

    phases: tuple[str, ...] = ("portal",)

    def __init__(self, in_channels: int = 2, classes: int = 2) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.first = nn.Conv2d(in_channels, 4, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, kernel_size=2, stride=2)
        self.up = nn.ConvTranspose2d(4, 4, kernel_size=2, stride=2)
        self.gate = nn.Conv2d(4, 1, kernel_size=1)
        self.map = AttentionMap("map", "a gate")
        self.scale = nn.Parameter(torch.zeros(()))
        self.heads = nn.ModuleList(nn.Conv2d(4, classes, kernel_size=1) for _ in range(2))

    def forward(self, image: torch.Tensor) -> Any:
        check_slices("the image", image, channels=self.in_channels)
        size = tuple(image.shape[2:])
        fine = torch.relu_(self.norm(self.first(pad_to_multiple(image, 2))))
        coarse = torch.relu_(self.second(fine))
        x = fine + self.up(coarse)
        x = x + self.scale * self.map(torch.sigmoid(self.gate(x))) * x
        logits = crop_to(self.heads[0](x), size)
        if not self.training:
            return logits
        return {"all": {0: logits, 1: crop_to(self.heads[1](coarse), [-(-side // 2) for side in size])}}


class TwoPhases(Toy):
    phases = ("portal", "arterial")

    def forward(self, portal: torch.Tensor, arterial: torch.Tensor | None = None) -> Any:  # type: ignore[override]
        if arterial is None:
            raise ModelError("this network needs 2 phases, portal and arterial; got 1")
        check_slices("the portal phase", portal, channels=self.in_channels)
        check_slices("the arterial phase", arterial, channels=self.in_channels)
        if portal.shape != arterial.shape:
            raise ModelError(f"phases must have the same shape; got {portal.shape} and {arterial.shape}")
        return super().forward(portal + arterial)


class TwoPhasesUnchecked(TwoPhases):
    def forward(self, portal: torch.Tensor, arterial: torch.Tensor | None = None) -> Any:  # type: ignore[override]
        assert arterial is not None
        return Toy.forward(self, portal + arterial)


class TwoPhasesUnnamed(TwoPhases):
    def __init__(self) -> None:
        super().__init__()
        self.phases = ("portal",)


class Climbing(Toy):
    """Its gradients point the wrong way."""

    def forward(self, image: torch.Tensor) -> Any:
        outputs = super().forward(image)
        return {"all": {level: 2 * x.detach() - x for level, x in outputs["all"].items()}}


class Unused(Toy):
    def __init__(self, in_channels: int = 2, classes: int = 2) -> None:
        super().__init__(in_channels, classes)
        self.unused = nn.Linear(2, 2)


class Detached(Toy):
    def __init__(self, in_channels: int = 2, classes: int = 2) -> None:
        super().__init__(in_channels, classes)
        self.first.register_forward_hook(lambda _m, _i, out: out.detach())


class Floored(Toy):
    """Cuts the coarse grid of an odd size to the smaller half."""

    def forward(self, image: torch.Tensor) -> Any:
        outputs = super().forward(image)
        if self.training:
            outputs["all"][1] = crop_to(outputs["all"][1], [side // 2 for side in image.shape[2:]])
        return outputs


class OneList(Toy):
    def forward(self, image: torch.Tensor) -> Any:
        outputs = super().forward(image)
        return list(outputs["all"].values()) if self.training else outputs


class Uncropped(Toy):
    def forward(self, image: torch.Tensor) -> Any:
        return super().forward(pad_to_multiple(image, 2))


class Probabilities(Toy):
    def forward(self, image: torch.Tensor) -> Any:
        return super().forward(image).softmax(1)


class Dropping(Toy):
    def forward(self, image: torch.Tensor) -> Any:
        return nn.functional.dropout(super().forward(image), training=True)


class Overwriting(Toy):
    def forward(self, image: torch.Tensor) -> Any:
        logits = super().forward(image)
        image.zero_()
        return logits


class Counting(Toy):
    def __init__(self, in_channels: int = 2, classes: int = 2) -> None:
        super().__init__(in_channels, classes)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, image: torch.Tensor) -> Any:
        self.calls += 1
        return super().forward(image)


class Sociable(Toy):
    """Normalizes over the batch even when it is not trained."""

    def __init__(self, in_channels: int = 2, classes: int = 2) -> None:
        super().__init__(in_channels, classes)
        self.norm = nn.BatchNorm2d(4, track_running_stats=False)


class Seedless(Toy):
    def __init__(self, in_channels: int = 2, classes: int = 2) -> None:
        super().__init__(in_channels, classes)
        generator = torch.Generator()
        generator.seed()
        nn.init.normal_(self.first.weight, generator=generator)


class Constant(Toy):
    def __init__(self, in_channels: int = 2, classes: int = 2) -> None:
        super().__init__(in_channels, classes)
        for parameter in self.parameters():
            nn.init.constant_(parameter, 0.1)


class Branching(Toy):
    """Asks its data which way to go."""

    def forward(self, image: torch.Tensor) -> Any:
        return super().forward(-image if image.mean() < 0 else image)


class Remembering(Toy):
    """Freezes what it saw when it was exported."""

    def forward(self, image: torch.Tensor) -> Any:
        if not hasattr(self, "mean") and not torch.compiler.is_exporting():
            self.mean = float(image.mean())
        return super().forward(image - getattr(self, "mean", 0.0))


class Cancelling(Toy):
    """Its logits are a small difference of large values."""

    def forward(self, image: torch.Tensor) -> Any:
        return super().forward(image) + 100 - 100


class Faint(Cancelling):
    """The same where no probability would show it."""

    def forward(self, image: torch.Tensor) -> Any:
        return (Toy.forward(self, image) + 5 - 5) / 100


class Tied(Toy):
    def __init__(self, in_channels: int = 2, classes: int = 2) -> None:
        super().__init__(in_channels, classes)
        self.heads[1].weight = self.heads[0].weight


class Hiding(Toy):
    """Draws a value that is not among its weights."""

    def __init__(self, in_channels: int = 2, classes: int = 2) -> None:
        super().__init__(in_channels, classes)
        self.hidden = torch.rand(())

    def forward(self, image: torch.Tensor) -> Any:
        return super().forward(image + self.hidden)


class RawAttention(Toy):
    """Shows attention before the sigmoid."""

    def forward(self, image: torch.Tensor) -> Any:
        self.map(torch.full((len(image), 1, 2, 2), -3.0))
        return super().forward(image)


class VectorAsMap(Toy):
    def forward(self, image: torch.Tensor) -> Any:
        self.map(torch.zeros(len(image), 4))
        return super().forward(image)


class Unchecked(Toy):
    def forward(self, image: torch.Tensor) -> Any:
        self.first(image)
        return super().forward(image)


class Mute(Toy):
    """Refuses without a reason."""

    def forward(self, image: torch.Tensor) -> Any:
        if image.ndim != 4 or image.shape[1] != self.in_channels:
            raise ModelError("this image cannot be taken")
        return super().forward(image)


class Alone(Toy):
    """Needs more than one pixel, and does not know it."""

    def forward(self, image: torch.Tensor) -> Any:
        return super().forward(nn.functional.instance_norm(image))


class Overflowing(Toy):
    """Leaves the range of half precision, and comes back from it."""

    def forward(self, image: torch.Tensor) -> Any:
        outputs = super().forward(image)
        return {"all": {level: (x.half() + 60_000 + 60_000).float() for level, x in outputs["all"].items()}}
