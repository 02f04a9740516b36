"""Optimization: the optimizer, mixed precision, gradient clipping, and the running average of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from LiverTumorAttentionLib.errors import InputError
from training.recipes.settings import OptimizerSettings

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Optimization:
    """Moves the weights of a network along their gradients.

    precision: of the network's forward pass; "float16" scales the loss so that small gradients survive (CUDA alone).
    Raises `InputError` for a precision that the device does not compute rightly.
    """

    def __init__(
        self, network: nn.Module, settings: OptimizerSettings, precision: str, device: torch.device
    ) -> None:
        _check_precision(network, precision, device)
        self._names: dict[torch.Tensor, str] = {
            parameter: name for name, parameter in network.named_parameters()
        }
        self._clip_norm = float("inf") if settings.clip_norm is None else settings.clip_norm
        self._precision, self._device = precision, device
        self._optimizer = _optimizer(network, settings)
        self._scaler = torch.amp.GradScaler(device.type, enabled=precision == "float16")

    def autocast(self) -> torch.autocast:
        """Return the context of the forward pass."""
        mixed = self._precision != "float32"
        return torch.autocast(self._device.type, DTYPES[self._precision] if mixed else None, enabled=mixed)

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of a loss."""
        self._scaler.scale(loss).backward()

    def gradient_norm(self) -> float:
        """Clip the gradients and return what their norm was, all together; not finite when one of them is not."""
        self._scaler.unscale_(self._optimizer)
        return float(nn.utils.clip_grad_norm_(list(self._names), self._clip_norm))

    def is_sound(self, norm: float) -> bool:
        """Whether a step may be made with gradients of that norm; in float16 a step that overflows is left out."""
        return self._scaler.is_enabled() or norm < float("inf")  # nan is not

    def step(self, rate: float) -> None:
        """Move the weights at a learning rate, and forget the gradients."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the optimizer's tensors as "<what>.<parameter>"."""
        return {
            f"{what}.{self._names[parameter]}": value
            for parameter, state in self._optimizer.state.items()
            for what, value in state.items()
            if isinstance(value, torch.Tensor)
        }

    def state(self) -> dict[str, Any]:
        """Return the rest of what `restore` needs, as JSON values."""
        return dict(self._scaler.state_dict())

    def restore(self, tensors: Mapping[str, torch.Tensor], state: dict[str, Any]) -> None:
        """Resume from `tensors()` and `state()`."""
        for parameter, name in self._names.items():
            found = {
                key.partition(".")[0]: value
                for key, value in tensors.items()
                if key.partition(".")[2] == name
            }
            if found:
                self._optimizer.state[parameter] = {
                    # laid out as the optimizer makes them: the count of steps by itself, the rest as the parameter
                    what: value.clone() if what == "step" else torch.empty_like(parameter).copy_(value)
                    for what, value in found.items()
                }
        if state:
            self._scaler.load_state_dict(state)


def _check_precision(network: nn.Module, precision: str, device: torch.device) -> None:
    """Raise `InputError` for a precision that the device does not compute rightly.

    torch 2.13 on the CPU takes parts of the bfloat16 gradients of 3x3x3 kernels from memory that it never wrote, where
    a feature map is two slices deep: they differ from run to run, and some are not finite.
    """
    if precision == "float16" and device.type != "cuda":
        raise InputError(f"precision float16 needs a CUDA device, not {device}: choose bfloat16 or float32")
    if precision == "bfloat16" and device.type == "cpu" and any(p.ndim == 5 for p in network.parameters()):
        raise InputError(
            "precision bfloat16 gives wrong gradients for volumes on the CPU: choose float32, or CUDA"
        )


def _optimizer(network: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.kind == "adam":
        return torch.optim.Adam(parameters, lr=rate, weight_decay=decay, foreach=True)
    if settings.kind == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, foreach=True)
    momentum = settings.momentum
    return torch.optim.SGD(
        parameters, lr=rate, momentum=momentum, weight_decay=decay, nesterov=momentum > 0, foreach=True
    )


class RunningAverage:
    """Follows a network; `weights` is its state averaged. decay: share of the average that a step keeps, in the end."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self.weights = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the weights after `step` steps; quickly at first, so that the start is soon forgotten."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - decay)
            else:
                self.weights[name].copy_(value)

    def restore(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Resume from stored weights."""
        for name, value in self.weights.items():
            value.copy_(weights[name])
