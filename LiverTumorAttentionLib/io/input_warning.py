"""The category of warnings about what a user gave."""


class InputWarning(UserWarning):
    """A property of the input that the user should know and that does not prevent processing."""
