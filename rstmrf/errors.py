"""The one exception that tells a user that something given cannot be used, and how it quotes what was found."""

QUOTED_CHARACTERS = 60


class InputError(ValueError):
    """A file, record or setting cannot be used; the sentence names it, what was found and what is accepted.

    The sentence is one line of printable characters, whatever a file or a file's name holds.
    """

    def __init__(self, sentence: str):
        super().__init__(_one_line(sentence))


def quoted(found) -> str:
    """What was found, as text of one line: its first 60 printable characters, and `…` where it goes on."""
    text = _one_line(str(found)[: 4 * QUOTED_CHARACTERS].strip())
    return text if len(text) <= QUOTED_CHARACTERS else text[: QUOTED_CHARACTERS - 1] + "…"


def _one_line(text) -> str:
    """Text with blanks for line ends and tabs, and a mark in place of what cannot be printed."""
    text = " ".join(text.splitlines()).replace("\t", " ")
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
