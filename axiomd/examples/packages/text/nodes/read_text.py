from gen.axiom_context import AxiomContext
from gen.messages_pb2 import Text, TextFile
from nodes.text_files import open_text

CHARACTERS_MAX = 4_000_000


def read_text(ax: AxiomContext, input: TextFile) -> Text:
    """Read the file, up to CHARACTERS_MAX of it."""
    with open_text(input.path) as file:
        content = file.read(CHARACTERS_MAX)
        cut = bool(file.read(1))
    lines = content.splitlines()
    ax.log.info("read a text file", path=input.path, lines=len(lines), cut=cut)
    return Text(path=input.path, lines=lines, cut=cut)
