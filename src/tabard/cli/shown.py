"""Text from outside, as it can be shown."""


def printable(text: str) -> str:
    """The text with line breaks, and what a terminal obeys, as escapes."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
