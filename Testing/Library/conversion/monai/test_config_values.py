from __future__ import annotations

from typing import Any

import pytest

from LiverTumorAttentionLib.conversion.monai.config_values import BundleConfig
from LiverTumorAttentionLib.errors import ModelError

VALUES: dict[str, Any] = {
    "root": ".",
    "options": {"fine": True, "sizes": [96, 64]},
    "name": "$'model.pt' if @options#fine else 'model_lowres.pt'",
    "path": "$@root + '/models/' + @name",
    "spacing": "$[1.5, 1.5, -2] if @options::fine else [3.0, 3.0, 3.0]",
    "dimensions": "$len(@options#sizes)",
    "net_def": {"_target_": "UNet", "out": "@options#sizes#1"},
    "net": "$@net_def.to(@device)",
    "kind": "$torch.float32",
    "key": "$monai.utils.CommonKeys.IMAGE",
    "device": "$torch.device('cpu')",
    "loop": "@other",
    "other": "$@loop",
    "lost": "@nowhere",
    "near": "@optionz#fine",
    "file": "%other.json::net",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "model.pt"),
        ("path", "./models/model.pt"),
        ("spacing", [1.5, 1.5, -2]),
        ("dimensions", 2),
        ("net", {"_target_": "UNet", "out": 64}),
        ("kind", "float32"),
        ("key", "image"),
    ],
)
def test_references_are_followed_and_forms_that_name_a_value_understood(name: str, value: Any) -> None:
    config = BundleConfig(VALUES, "inference.json")
    assert config.value(VALUES[name], name) == value


@pytest.mark.parametrize(
    "code",
    [
        "__import__('os').system('touch owned')",
        "torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "[one for one in @options#sizes]",
        "lambda x: x",
        "@root.strip()",
        "@root * 1000000000",
        "(lambda: 1)()",
        "2 ** 9 ** 9 ** 9",
        "open('/etc/passwd').read()",
        "'a' if 1 else 'b'",
        "(",
        "@net_def.to",
        "1+" * 600 + "1",
    ],
)
def test_other_code_is_refused_by_name_and_never_run(
    code: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = BundleConfig({**VALUES, "x": f"${code}"}, "inference.json")
    with pytest.raises(ModelError, match=r"inference.json: x is Python code .* which is never run"):
        config.value(f"${code}", "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("loop", "go round in a circle"),
        ("lost", "refers to '@nowhere', which is not there"),
        ("near", "did you mean 'options'"),
        ("file", "is taken from another file"),
    ],
)
def test_references_that_lead_nowhere_are_named(name: str, told: str) -> None:
    config = BundleConfig(VALUES, "inference.json")
    with pytest.raises(ModelError, match=told):
        config.value(VALUES[name], name)


def test_what_is_not_needed_is_not_looked_at() -> None:
    config = BundleConfig(VALUES, "inference.json")
    opened = config.opened({"device": "@device", "out": "@options#sizes#0"}, "net")
    assert opened["device"] == "@device"
