"""Texts of other people's making, as they may stand in our own lines."""

SHOWN = 160  # letters


def shown(text: object, most: int = SHOWN) -> str:
    """Return the beginning of a foreign text without anything that a terminal would obey.

    >>> shown("chat\\x1b[2J")
    'chat [2J'
    """
    return "".join(letter if letter.isprintable() else " " for letter in str(text)[:most])


def reason(error: BaseException, most: int = 120) -> str:
    """Return the first line of a foreign error, or its kind where it says nothing.

    >>> reason(ValueError("bad magic\\nat 0x7f"))
    'bad magic'
    """
    lines = str(error).splitlines()
    return shown(lines[0], most) if lines and lines[0].strip() else type(error).__name__
