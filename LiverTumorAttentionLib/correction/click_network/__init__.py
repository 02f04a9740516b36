"""A network's answer to clicks: cubes around them, its input there, and the lesion that it gives."""
