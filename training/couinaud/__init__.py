"""The network that tells the Couinaud segments of a liver: its data, samples, training, export and measurement."""
