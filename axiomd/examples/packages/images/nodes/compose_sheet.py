from gen.axiom_context import AxiomContext
from gen.messages_pb2 import ContactSheet, PictureSet, Thumbnail
from nodes.pixels import png, side_by_side

MARGIN = 12


def compose_sheet(ax: AxiomContext, input: PictureSet) -> ContactSheet:
    """Put the pictures of all branches on one sheet."""
    pictures = {"large": input.large, "medium": input.medium, "small": input.small}
    sheet = side_by_side(list(pictures.values()), MARGIN)
    ax.log.info("composed the sheet", width=sheet.width, height=sheet.height)
    thumbnails = [
        Thumbnail(name=name, width=picture.width, height=picture.height, png=png(picture))
        for name, picture in pictures.items()
    ]
    return ContactSheet(
        width=sheet.width, height=sheet.height, png=png(sheet), thumbnails=thumbnails
    )
