"""The one error whose message is shown in the panel as it stands."""


class PanelError(RuntimeError):
    """Something that the user can cure: what is wrong, what was found, what to do next."""
