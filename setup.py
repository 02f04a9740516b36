"""The packages that are installed; pyproject.toml, which holds all else, cannot list those of `training`.

`training` is installed below LiverTumorAttentionTraining (training/installed says why).
"""

from setuptools import find_packages, setup

ABOVE = "LiverTumorAttentionTraining"
OF_TRAINING = find_packages(include=["training", "training.*"], exclude=["training.installed"])

setup(
    packages=[
        *find_packages(include=["LiverTumorAttentionLib", "LiverTumorAttentionLib.*"]),
        ABOVE,
        *(f"{ABOVE}.{name}" for name in OF_TRAINING),
    ]
)
