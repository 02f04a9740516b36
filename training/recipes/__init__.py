"""The papers' recipes, one YAML file a training."""
