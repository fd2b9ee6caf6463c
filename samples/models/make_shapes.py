#!/usr/bin/env python3
"""Draws coloured shapes for resnet20.json: a batch file of images [N, 3, 32, 32] and their classes.

    samples/models/make_shapes.py shapes.safetensors [--count 2000] [--seed 0]

Ten classes: disc, ring, square, frame, triangle, cross, horizontal, vertical and diagonal stripes, checkers. Place, size, both colours
and a pattern's phase are drawn for each image, and every pixel has noise, so that no single pixel and no colour tells the class.
"""
import argparse
import array
import json
import random
import struct

SIZE = 32
SHAPES = [
    lambda x, y, r: x * x + y * y < r * r,
    lambda x, y, r: 0.45 * r * r < x * x + y * y < r * r,
    lambda x, y, r: max(abs(x), abs(y)) < 0.85 * r,
    lambda x, y, r: 0.55 * r < max(abs(x), abs(y)) < 0.9 * r,
    lambda x, y, r: -r < y < 0.8 * r and abs(x) < (y + r) / 1.8,
    lambda x, y, r: min(abs(x), abs(y)) < 0.3 * r and max(abs(x), abs(y)) < r,
    lambda x, y, r: y % r < r / 2,
    lambda x, y, r: x % r < r / 2,
    lambda x, y, r: (x + y) % r < r / 2,
    lambda x, y, r: (x % r < r / 2) != (y % r < r / 2),
]


def image(source, label):
    """The pixels of one image, a channel after the other, about 0 and of about unit spread."""
    inside, outside = ([source.uniform(-1, 1) for _ in range(3)] for _ in range(2))
    while sum(abs(a - b) for a, b in zip(inside, outside)) < 1:
        inside = [source.uniform(-1, 1) for _ in range(3)]
    radius, cx, cy = source.uniform(6, 11), source.uniform(11, 21), source.uniform(11, 21)
    mask = [SHAPES[label](x - cx, y - cy, radius) for y in range(SIZE) for x in range(SIZE)]
    for channel in range(3):
        for is_inside in mask:
            yield (inside if is_inside else outside)[channel] + source.gauss(0, 0.3)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    source = random.Random(options.seed)
    labels = array.array("q", (source.randrange(len(SHAPES)) for _ in range(options.count)))
    pixels = array.array("f", (value for label in labels for value in image(source, label)))
    if struct.pack("=H", 1) != struct.pack("<H", 1):
        labels.byteswap()
        pixels.byteswap()
    x, y = pixels.tobytes(), labels.tobytes()
    header = json.dumps({
        "x": {"dtype": "F32", "shape": [options.count, 3, SIZE, SIZE], "data_offsets": [0, len(x)]},
        "y": {"dtype": "I64", "shape": [options.count], "data_offsets": [len(x), len(x) + len(y)]},
    }).encode()
    header += b" " * (-len(header) % 8)
    with open(options.file, "wb") as out:
        out.write(struct.pack("<Q", len(header)) + header + x + y)


if __name__ == "__main__":
    main()
