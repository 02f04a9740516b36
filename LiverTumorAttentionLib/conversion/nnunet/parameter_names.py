"""Names of the parameters of nnU-Net's networks, in both of its versions, as our networks call them.

What is given twice there (each layer under a second name, the encoder again within the decoder) and the outputs of
deep supervision are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from LiverTumorAttentionLib.errors import ModelError

_LAYER = r"\.(conv|norm|instnorm)\.(weight|bias|running_mean|running_var|num_batches_tracked)$"
_VERSION_2 = (
    (r"encoder\.stages\.(\d+)\.0\.convs\.(\d+)" + _LAYER, r"encoder.\1.\2.{layer}"),
    (r"encoder\.stem\.convs\.0" + _LAYER, r"stem.{layer}"),
    (r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.conv1" + _LAYER, r"encoder.\1.\2.first.{layer}"),
    (r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.conv2" + _LAYER, r"encoder.\1.\2.second.{layer}"),
    (r"encoder\.stages\.(\d+)\.blocks\.(\d+)\.skip\.[01]" + _LAYER, r"encoder.\1.\2.projection.{layer}"),
    (r"decoder\.stages\.(\d+)\.convs\.(\d+)" + _LAYER, r"decoder.levels.\1.\2.{layer}"),
    (r"decoder\.transpconvs\.(\d+)\.(weight|bias)$", r"decoder.up.\1.\2"),
)
_SEVERAL = "module."
"""Begins the names in a checkpoint of a training on several processors."""
_TWICE = re.compile(r"decoder\.encoder\.|.*\.all_modules\.")
_OUTPUT_2 = re.compile(r"decoder\.seg_layers\.(\d+)\.(weight|bias)")
_LAYERS = {"conv": "convolution", "norm": "normalization", "instnorm": "normalization"}


def names_of_version_2(names: Iterable[str], depth: int) -> dict[str, str]:
    """Return {name in the checkpoint: name in our network}. Raises `ModelError` for a name of another network.

    depth: levels of the network; the last of its outputs is the finest.
    """
    renamed = {}
    for name in names:
        bare = name.removeprefix(_SEVERAL).removeprefix("_orig_mod.")
        output = _OUTPUT_2.fullmatch(bare)
        if output:
            if int(output[1]) == depth - 2:
                renamed[name] = f"decoder.output.{output[2]}"
        elif not _TWICE.match(bare):
            renamed[name] = _renamed(bare, _VERSION_2)
    return renamed


def names_of_version_1(names: Iterable[str], depth: int) -> dict[str, str]:
    """Return the same for version 1, whose decoder and deepest level have a second group of blocks in each level.

    depth: levels of the network.
    """
    renamed = {}
    counts: dict[str, int] = {}
    bare = {name: name.removeprefix(_SEVERAL) for name in names}
    for name in bare.values():  # how many blocks the first of two groups has
        group = re.match(r"(conv_blocks_(?:context|localization)\.\d+)\.0\.blocks\.(\d+)\.", name)
        if group:
            counts[group[1]] = max(counts.get(group[1], 0), int(group[2]) + 1)
    for theirs, name in bare.items():
        output = re.fullmatch(r"seg_outputs\.(\d+)\.(weight|bias)", name)
        if output:
            if int(output[1]) == depth - 2:
                renamed[theirs] = f"decoder.output.{output[2]}"
            continue
        up = re.fullmatch(r"tu\.(\d+)\.(weight|bias)", name)
        if up:
            renamed[theirs] = f"decoder.up.{up[1]}.{up[2]}"
            continue
        block = re.fullmatch(
            r"(conv_blocks_(context|localization)\.(\d+))(?:\.([01]))?\.blocks\.(\d+)" + _LAYER, name
        )
        if block is None:
            raise _unknown(name)
        place = "encoder" if block[2] == "context" else "decoder.levels"
        number = int(block[5]) + (counts.get(block[1], 0) if block[4] == "1" else 0)
        renamed[theirs] = f"{place}.{block[3]}.{number}.{_LAYERS[block[6]]}.{block[7]}"
    return renamed


def _renamed(name: str, table: Iterable[tuple[str, str]]) -> str:
    for pattern, target in table:
        found = re.match(pattern, name)
        if found:
            *_, kind, value = found.groups()
            return found.expand(target.replace("{layer}", f"{_LAYERS.get(kind, '')}.{value}"))
    raise _unknown(name)


def _unknown(name: str) -> ModelError:
    return ModelError(
        f"the checkpoint holds the parameter {name[:80]!r}, which no plain or residual-encoder U-Net of nnU-Net has: "
        "train with one of these architectures, for no other is known here"
    )
