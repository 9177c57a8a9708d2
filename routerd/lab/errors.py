"""The one error of the lab."""


class LabError(Exception):
    """Something of the lab could not be made, or did not happen in time; the text says what."""
