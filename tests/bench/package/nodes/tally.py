"""What says whether all items of a fan-out came back."""

from gen.messages_pb2 import Small


def tally(ax, input):  # noqa: A002 - the name that the contract gives it
    return Small(count=len(input.items))
