"""The one exception that a user is meant to read."""


class PoqError(Exception):
    """A mistake in configuration or data, told in one message without a traceback.

    The message names the file, key or row, what was found and what was expected.
    """
