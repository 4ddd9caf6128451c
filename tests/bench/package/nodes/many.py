"""What a fan-out takes its items from."""

from gen.messages_pb2 import Smalls


def many(ax, input):  # noqa: A002 - the name that the contract gives it
    return Smalls(items=[type(input)(text="hi", count=number) for number in range(input.count)])
