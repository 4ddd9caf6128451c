"""A node that cannot be asked to stop: it computes in C, and holds the interpreter's lock."""


def spin(ax, input):  # noqa: A002 - the name that the contract gives it
    return type(input)(count=sum(range(10**13)) % 2**62)
