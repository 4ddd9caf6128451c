"""The least a node can do."""


def echo(ax, input):  # noqa: A002 - the name that the contract gives it
    input.count += 1
    return input
