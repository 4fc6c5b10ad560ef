"""Text from outside, as it can be shown."""


def printable(text: str) -> str:
    """Return the text with line breaks and control characters as escapes."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
