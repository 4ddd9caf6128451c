"""A node that is busy for as long as it is told."""

import time


def nap(ax, input):  # noqa: A002 - the name that the contract gives it
    time.sleep(input.count)
    return input
