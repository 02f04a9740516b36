"""A study that really ran: which of the papers' findings hold on a cohort of phantoms, with narrow networks."""
