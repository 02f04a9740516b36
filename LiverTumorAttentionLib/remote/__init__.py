"""A case segmented by a server of one's own site: the client, on the standard library alone."""
