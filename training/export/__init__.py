"""From runs to a model folder."""
