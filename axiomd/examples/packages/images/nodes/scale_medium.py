from gen.axiom_context import AxiomContext
from gen.messages_pb2 import MediumPicture, Picture
from nodes.pixels import scaled

SIZE = 192


def scale_medium(ax: AxiomContext, input: Picture) -> MediumPicture:
    """Scale the picture to SIZE pixels."""
    return MediumPicture(medium=scaled(input, SIZE))
