"""Recipes, one YAML file a training: those of the papers, and those of the bundled model."""
