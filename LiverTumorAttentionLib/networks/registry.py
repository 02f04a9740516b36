"""Registry of networks by name."""

from __future__ import annotations

import contextlib
import inspect
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks.candidate_net import CandidateEnsemble, CandidateNet
from LiverTumorAttentionLib.networks.checks import check_choice, nearest
from LiverTumorAttentionLib.networks.click_unet import CHANNELS, ClickUNet
from LiverTumorAttentionLib.networks.comparators.attention_gate_3d import AttentionGateUNet3D
from LiverTumorAttentionLib.networks.comparators.attention_unet import AttentionUNet
from LiverTumorAttentionLib.networks.comparators.cenet import CENet
from LiverTumorAttentionLib.networks.comparators.csnet import CSNet
from LiverTumorAttentionLib.networks.comparators.daf import DAF3D
from LiverTumorAttentionLib.networks.comparators.danet import DANet
from LiverTumorAttentionLib.networks.comparators.deeplabv3 import DeepLabv3
from LiverTumorAttentionLib.networks.comparators.mcfcn import MCFCN
from LiverTumorAttentionLib.networks.comparators.monai_networks import NNUNet
from LiverTumorAttentionLib.networks.comparators.mwunet import MWUNet
from LiverTumorAttentionLib.networks.comparators.nested_unet import NestedUNet
from LiverTumorAttentionLib.networks.comparators.r2unet import R2UNet
from LiverTumorAttentionLib.networks.comparators.self_attention import SelfAttentionNet
from LiverTumorAttentionLib.networks.comparators.senet import SENet
from LiverTumorAttentionLib.networks.comparators.unet import UNet
from LiverTumorAttentionLib.networks.context import ContextNet
from LiverTumorAttentionLib.networks.darn import DARN
from LiverTumorAttentionLib.networks.dpcnet import DPCNet
from LiverTumorAttentionLib.networks.fusion import DMP, MPF
from LiverTumorAttentionLib.networks.imported.monai_network import MonaiNetwork
from LiverTumorAttentionLib.networks.imported.plain_conv_unet import PlainConvUNet
from LiverTumorAttentionLib.networks.imported.residual_encoder_unet import ResidualEncoderUNet
from LiverTumorAttentionLib.networks.paresseg import IntraResSeg, PAResSeg, ResSeg
from LiverTumorAttentionLib.networks.sfan import SFAN
from LiverTumorAttentionLib.networks.unet3d import UNet3D


@dataclass(frozen=True, kw_only=True)
class NetworkEntry:
    """Registry entry of a network: class, papers and input, known before it is built."""

    build: Callable[..., nn.Module]
    """The network's class; its arguments' defaults are the paper's."""
    paper: str
    """Who described it: first author and short title."""
    year: int
    """Year of that paper."""
    input_shape: tuple[int, ...]
    """One sample of one phase in the paper that compares it: (channels, rows, columns) or
    (channels, slices, rows, columns)."""
    phases: tuple[str, ...] = ("portal",)
    """The tensors that its forward takes, in order."""

    @property
    def dimensions(self) -> int:
        """2 for slices, 3 for volumes."""
        return len(self.input_shape) - 1


BOTH = ("portal", "arterial")

MOST_PARAMETERS = 2**29
"""Numbers that training changes: 2 GiB of them, as many as a file of weights holds."""
_BYTES = 4
MOST_TENSORS = 20_000
"""Tensors of parameters; the deepest network of a paper has under a thousand."""

NETWORKS: dict[str, NetworkEntry] = {
    # DPC-Net, its forerunner DARN, and what they are compared with
    "dpcnet": NetworkEntry(build=DPCNet, paper="Zhang, DPC-Net", year=2022, input_shape=(1, 128, 128, 128)),
    "darn": NetworkEntry(build=DARN, paper="Zhang, DARN", year=2020, input_shape=(1, 128, 128, 128)),
    "unet3d": NetworkEntry(
        build=UNet3D, paper="Zhang, DPC-Net (baseline)", year=2022, input_shape=(1, 128, 128, 128)
    ),
    "ag": NetworkEntry(
        build=AttentionGateUNet3D, paper="Oktay, Attention U-Net", year=2018, input_shape=(1, 128, 128, 128)
    ),
    "daf": NetworkEntry(
        build=DAF3D, paper="Wang, Deep attentive features", year=2019, input_shape=(1, 128, 128, 128)
    ),
    "nnunet": NetworkEntry(build=NNUNet, paper="Isensee, nnU-Net", year=2021, input_shape=(1, 128, 128, 128)),
    # PA-ResSeg and what it is compared with
    "resseg": NetworkEntry(build=ResSeg, paper="Xu, PA-ResSeg", year=2021, input_shape=(3, 224, 224)),
    "paresseg": NetworkEntry(
        build=PAResSeg, paper="Xu, PA-ResSeg", year=2021, input_shape=(3, 224, 224), phases=BOTH
    ),
    "resseg_intra": NetworkEntry(
        build=IntraResSeg, paper="Xu, PA-ResSeg", year=2021, input_shape=(3, 224, 224)
    ),
    "dmp": NetworkEntry(
        build=DMP, paper="Ouhmich, Multiphase CT", year=2019, input_shape=(3, 224, 224), phases=BOTH
    ),
    "mpf": NetworkEntry(
        build=MPF, paper="Ouhmich, Multiphase CT", year=2019, input_shape=(3, 224, 224), phases=BOTH
    ),
    "mcfcn": NetworkEntry(
        build=MCFCN, paper="Sun, Multi-channel FCN", year=2017, input_shape=(3, 224, 224), phases=BOTH
    ),
    "mwunet": NetworkEntry(
        build=MWUNet, paper="Wu, Modality weighted U-Net", year=2019, input_shape=(3, 224, 224), phases=BOTH
    ),
    # The multi-scale context network and what it is compared with
    "context": NetworkEntry(
        build=ContextNet, paper="Pang, Correlation Matters", year=2020, input_shape=(3, 448, 448)
    ),
    "cenet": NetworkEntry(build=CENet, paper="Gu, CE-Net", year=2019, input_shape=(3, 448, 448)),
    "senet": NetworkEntry(
        build=SENet, paper="Hu, Squeeze-and-excitation", year=2018, input_shape=(3, 448, 448)
    ),
    "self_attention": NetworkEntry(
        build=SelfAttentionNet, paper="Zhang, SAGAN", year=2019, input_shape=(3, 448, 448)
    ),
    "danet": NetworkEntry(build=DANet, paper="Fu, DANet", year=2019, input_shape=(3, 448, 448)),
    "csnet": NetworkEntry(build=CSNet, paper="Mou, CS-Net", year=2019, input_shape=(3, 448, 448)),
    "attention_unet": NetworkEntry(
        build=AttentionUNet, paper="Oktay, Attention U-Net", year=2018, input_shape=(3, 448, 448)
    ),
    "r2unet": NetworkEntry(build=R2UNet, paper="Alom, R2U-Net", year=2019, input_shape=(3, 448, 448)),
    "nested_unet": NetworkEntry(build=NestedUNet, paper="Zhou, UNet++", year=2018, input_shape=(3, 448, 448)),
    # SFAN and what it is compared with
    "sfan": NetworkEntry(build=SFAN, paper="Zhang, SFAN", year=2019, input_shape=(1, 512, 512)),
    "deeplabv3": NetworkEntry(build=DeepLabv3, paper="Chen, DeepLabv3", year=2017, input_shape=(1, 512, 512)),
    "unet": NetworkEntry(build=UNet, paper="Ronneberger, U-Net", year=2015, input_shape=(1, 512, 512)),
    # What answers clicks: its one tensor holds both phases, masks and prompts as channels
    "click_unet": NetworkEntry(
        build=ClickUNet, paper="Cicek, 3D U-Net", year=2016, input_shape=(CHANNELS, 48, 48, 48)
    ),
}

IMPORTED_NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "plain_conv_unet": PlainConvUNet,
    "residual_encoder_unet": ResidualEncoderUNet,
    "monai": MonaiNetwork,
}
"""Networks of models that other programs trained: built by name too, from the arguments of their plans. Each takes one
tensor, whose channels are the phases, and returns logits."""


CANDIDATE_NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "candidate_net": CandidateNet,
    "candidate_ensemble": CandidateEnsemble,
}
"""Networks of the second look, which classify patches."""


def network_names() -> list[str]:
    """The names of the papers' networks, in alphabetical order; `build_network` knows those of other programs too."""
    return sorted(NETWORKS)


def network_entry(name: str) -> NetworkEntry:
    """What is known of the network of that name. Raises ModelError, which names the nearest, if there is none."""
    return NETWORKS[check_choice("the network", name, NETWORKS)]


def with_scaled_widths(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a network's arguments with the number for each width that is None, and so follows from `width`.

    `build_network` builds the same of both. Raises ModelError when there is no network of that name.
    """
    build = network_entry(name).build
    width = arguments.get("width", inspect.signature(build).parameters["width"].default)
    scaled: Mapping[str, int] = getattr(build, "scaled_widths", {})
    given = {key: value for key, value in arguments.items() if value is not None or key not in scaled}
    if not isinstance(width, int):  # building the network says what is wrong with it
        return {**arguments}
    return {**{key: multiple * width for key, multiple in scaled.items()}, **given}


def build_network(
    name: str,
    *,
    generator: torch.Generator | None = None,
    most_parameters: int = MOST_PARAMETERS,
    **arguments: Any,
) -> nn.Module:
    """Build a network by its name, with freshly drawn weights.

    `arguments` are those of the network's class, for example `build_network("resseg", width=16)`. With a
    `generator` (on the CPU) the weights depend on its seed alone; torch's global generator is left as it was.
    most_parameters: the building ends as soon as there are more, before memory is taken for them.

    Raises ModelError for an unknown name, an unknown argument, a value out of range, or a network that is too large.
    """
    build = {**IMPORTED_NETWORKS, **CANDIDATE_NETWORKS}.get(name) or network_entry(name).build
    known = list(inspect.signature(build).parameters)
    for argument in arguments:
        if argument not in known:
            raise ModelError(
                f"{name} has no argument {argument!r}; it takes {', '.join(known)}{nearest(argument, known)}"
            )
    given = ", ".join(f"{key}={str(value)[:40]}" for key, value in arguments.items()) or "its defaults"
    with _limited(f"the network {name!r} with {given}"[:200], most_parameters):
        if generator is None:
            return build(**arguments)
        seed = int(torch.randint(2**62, (), generator=generator))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build(**arguments)


@contextlib.contextmanager
def _limited(what: str, most_parameters: int) -> Iterator[None]:
    """Raise ModelError for a network built in this block once it has too many parameters.

    A module's parameters are counted when they are registered, before they are drawn: until then the system has given
    them no memory. what: how to call the network.
    """
    thread, parameters, tensors = threading.get_ident(), 0, 0

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal parameters, tensors
        if parameter is None or threading.get_ident() != thread:
            return
        parameters += parameter.numel()
        tensors += 1
        if parameters > most_parameters or tensors > MOST_TENSORS:
            raise ModelError(
                f"{what} has more than {most_parameters:,} parameters or {MOST_TENSORS:,} tensors of them: "
                "give it smaller widths or depths"
            )

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    except (RuntimeError, OverflowError, TypeError, ZeroDivisionError) as error:
        text = " ".join(str(error).split())
        wanted = re.search(r"tried to allocate (\d+)", text)
        if wanted and int(wanted[1]) <= _BYTES * most_parameters:
            raise  # a network as it should be, on a computer that has too little memory
        detail = f"one of its tensors would take {int(wanted[1]) / 2**30:,.0f} GiB" if wanted else text[:160]
        raise ModelError(f"{what} cannot be built ({detail}): give it other values") from error
    finally:
        hook.remove()
