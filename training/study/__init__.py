"""A study of which of the papers' findings hold on a cohort of phantoms, with narrow networks."""
