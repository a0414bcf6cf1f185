"""The one exception that tells a user that something given cannot be used."""


class InputError(ValueError):
    """A file, record or setting cannot be used; the sentence names it, what was found and what is accepted."""
