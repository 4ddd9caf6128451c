"""A generator of frames of 200 bytes."""

FRAME_BYTES = 200
OVERHEAD_BYTES = 8


def spout(ax, inputs):
    for item in inputs:
        text = "x" * (FRAME_BYTES - OVERHEAD_BYTES)
        for number in range(item.count):
            yield type(item)(text=text, count=number)
