from pathlib import Path

from gen.axiom_context import AxiomContext
from gen.messages_pb2 import Picture, TextFile

SIZE = 480
COLUMNS = 80
BYTES_MAX = 4_000_000

BACKGROUND = (250, 250, 247)
LETTER = (70, 90, 140)
CAPITAL = (25, 35, 80)
DIGIT = (190, 90, 40)
SIGN = (60, 140, 110)
OTHER = (170, 60, 110)


def draw_text(ax: AxiomContext, input: TextFile) -> Picture:
    """Draw the file as seen from far away: a block of pixels for each character."""
    if not input.path:
        raise ValueError("the input has no path: give the path of a text file on this box")
    with Path(input.path).open("rb") as file:
        lines = file.read(BYTES_MAX).splitlines() or [b""]
    ax.log.info("drawing", path=input.path, lines=len(lines))
    palette = [bytes(_colour(byte)) * (SIZE // COLUMNS) for byte in range(256)]
    drawn = [
        b"".join(palette[byte] for byte in lines[y * len(lines) // SIZE][:COLUMNS].ljust(COLUMNS))
        for y in range(SIZE)
    ]
    return Picture(width=SIZE, height=SIZE, rgb=b"".join(drawn))


def _colour(byte: int) -> tuple[int, int, int]:
    character = chr(byte)
    if character.isspace():
        return BACKGROUND
    if byte >= 128 or byte < 32:
        return OTHER
    if character.isalpha():
        return CAPITAL if character.isupper() else LETTER
    return DIGIT if character.isdigit() else SIGN
