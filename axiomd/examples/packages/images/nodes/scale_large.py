from gen.axiom_context import AxiomContext
from gen.messages_pb2 import LargePicture, Picture
from nodes.pixels import scaled

SIZE = 320


def scale_large(ax: AxiomContext, input: Picture) -> LargePicture:
    """Scale the picture to SIZE pixels."""
    return LargePicture(large=scaled(input, SIZE))
