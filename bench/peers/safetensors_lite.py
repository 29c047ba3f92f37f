"""Reads a .safetensors file with the standard library alone: the GPU machine may lack the package.

The format: 8 bytes little-endian header length, that many bytes of JSON {name: {dtype, shape, data_offsets}}, then the
data; offsets count from the end of the header. Whatever does not add up is refused, never guessed at.
"""

import json
import math
import struct
from collections import namedtuple

SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}

Entry = namedtuple("Entry", "dtype shape data")


def read(path):
    """{name: Entry(dtype, shape, data)}; data is a bytearray of its own, so that torch may view it."""
    with open(path, "rb") as file:
        head = file.read(8)
        if len(head) != 8:
            raise ValueError(f"{path}: too short for a safetensors header")
        (length,) = struct.unpack("<Q", head)
        text = file.read(length)
        if len(text) != length:
            raise ValueError(f"{path}: header of {length} bytes is cut off")
        header = json.loads(text)
        body = file.read()
    out = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype, shape = entry["dtype"], tuple(entry["shape"])
        start, stop = entry["data_offsets"]
        if dtype not in SIZES:
            raise ValueError(f"{path}: {name}: unknown dtype {dtype}")
        if not 0 <= start <= stop <= len(body):
            raise ValueError(f"{path}: {name}: data {start}..{stop} outside a body of {len(body)} bytes")
        if stop - start != math.prod(shape) * SIZES[dtype]:
            raise ValueError(f"{path}: {name}: {stop - start} bytes do not hold {dtype} {list(shape)}")
        out[name] = Entry(dtype, shape, bytearray(body[start:stop]))
    return out


def to_torch(entry, device="cpu", dtype=None):
    import torch

    kinds = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
             "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
             "BOOL": torch.bool}
    if math.prod(entry.shape) == 0:
        tensor = torch.empty(entry.shape, dtype=kinds[entry.dtype])
    else:
        tensor = torch.frombuffer(entry.data, dtype=kinds[entry.dtype]).view(entry.shape)
    return tensor.to(device=device, dtype=dtype or tensor.dtype)
