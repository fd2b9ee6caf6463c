"""Reads and writes safetensors files with the standard library and PyTorch alone.

A file is the header's length (8 bytes, little-endian), the header (JSON: for every tensor its type, shape and place), the bytes.
"""

import array
import json
import struct

import torch

_TYPES = {
    "F32": (torch.float32, "f", 4),
    "F64": (torch.float64, "d", 8),
    "I64": (torch.int64, "q", 8),
}
_NAMES = {dtype: name for name, (dtype, _, _) in _TYPES.items()}


def write(path, tensors, metadata=None):
    """Writes a dictionary of tensors; the metadata are texts by name."""
    header, chunks, end = {}, [], 0
    if metadata:
        header["__metadata__"] = dict(metadata)

    # The widest elements first, so that every tensor begins where its type is aligned.
    for name in sorted(tensors, key=lambda name: (-tensors[name].element_size(), name)):
        tensor = tensors[name].detach()
        kind = _NAMES[tensor.dtype]
        chunk = array.array(_TYPES[kind][1], tensor.flatten().tolist()).tobytes()
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [end, end + len(chunk)]}
        chunks.append(chunk)
        end += len(chunk)

    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def read(path):
    """Reads all tensors of a file into a dictionary."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()

    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        dtype, _, size = _TYPES[entry["dtype"]]
        begin, end = entry["data_offsets"]
        tensor = torch.frombuffer(bytearray(data[begin:end]), dtype=dtype)
        if (end - begin) % size or end > len(data):
            raise ValueError(f"{path}: tensor {name} does not lie within the file")
        tensors[name] = tensor.reshape(entry["shape"])

    return tensors
