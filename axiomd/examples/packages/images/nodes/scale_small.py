from gen.axiom_context import AxiomContext
from gen.messages_pb2 import Picture, SmallPicture
from nodes.pixels import scaled

SIZE = 96


def scale_small(ax: AxiomContext, input: Picture) -> SmallPicture:
    """Scale the picture to SIZE pixels."""
    return SmallPicture(small=scaled(input, SIZE))
