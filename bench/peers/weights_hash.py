"""Random 7B-shaped weights that any language can make again: the one definition.

    id     = FNV-1a, 32 bits, of the tensor's official checkpoint name in UTF-8
    x      = (flat_index * 0x9E3779B1 + id * 0x85EBCA77) mod 2^32      flat_index: row-major over the official shape
    x     ^= x >> 16;  x = x * 0x7FEB352D mod 2^32
    x     ^= x >> 15;  x = x * 0x846CA68B mod 2^32
    x     ^= x >> 16
    v      = ((x >> 8) - 2^23) / 2^23                                  in [-1, 1), exact in float32
    value  = bfloat16(base + float32(scale) * v)                       one float32 product, one float32 sum,
                                                                       then round to nearest even

base and scale depend on the name and shape alone (`base_and_scale`). Norm weights have base 1 and a power of two as
their scale, so that their product is exact and a fused multiply-add gives the same bits; everywhere else the base is 0
and there is no sum to fuse. The same function in C and CUDA is weights_hash.cuh; VECTORS below pins both, and C# too.
"""

import math
import struct

MASK = 0xFFFFFFFF


def tensor_id(name):
    h = 0x811C9DC5
    for byte in name.encode("utf-8"):
        h = ((h ^ byte) * 0x01000193) & MASK
    return h


def hash32(id_, flat_index):
    x = (flat_index * 0x9E3779B1 + id_ * 0x85EBCA77) & MASK
    x ^= x >> 16
    x = (x * 0x7FEB352D) & MASK
    x ^= x >> 15
    x = (x * 0x846CA68B) & MASK
    x ^= x >> 16
    return x


def unit(id_, flat_index):
    """v above: a float in [-1, 1) with 24 bits."""
    return ((hash32(id_, flat_index) >> 8) - (1 << 23)) / float(1 << 23)


def base_and_scale(name, shape):
    """Scales of norms near 1; biases and the mask token small; all else uniform with standard deviation 1/sqrt(fan_in)."""
    if name.endswith(("norm.weight", "norm_final.weight", ".gamma")) or len(shape) == 1 and name.endswith(".weight"):
        return 1.0, 0.0625
    if name.endswith(".bias") or name == "mask_token":
        return 0.0, 0.0625
    fan_in = math.prod(shape[1:])
    return 0.0, to_float32(math.sqrt(3.0 / fan_in))


def to_float32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def to_bfloat16_bits(x):
    """Round to nearest even, as the hardware does; x is a float32 value (never NaN here)."""
    bits = struct.unpack("<I", struct.pack("<f", x))[0]
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & MASK) >> 16


def value_bits(name, shape, flat_index):
    """The element as the 16 bits of a bfloat16: the plain-Python reference, slow and exact."""
    base, scale = base_and_scale(name, shape)
    return to_bfloat16_bits(to_float32(base + to_float32(scale * unit(tensor_id(name), flat_index))))


# (name, official shape, flat index, bfloat16 bits)
VECTORS = [
    ("tuna.model.embed_tokens.weight", (151669, 3584), 0, 0xBB61),
    ("tuna.model.embed_tokens.weight", (151669, 3584), 543581695, 0xBC8F),
    ("tuna.model.layers.0.self_attn.q_proj.weight", (3584, 3584), 1, 0xBC47),
    ("tuna.model.layers.27.mlp.down_proj.weight", (3584, 18944), 67895295, 0x3BA7),
    ("tuna.model.layers.3.self_attn.k_proj.bias", (512,), 17, 0xBCC9),
    ("tuna.model.norm.weight", (3584,), 100, 0x3F7B),
    ("diffusion_head_a.15.self_attn.q_norm.weight", (64,), 63, 0x3F7D),
    ("diffusion_head_a.7.adaLN_modulation.1.weight", (21504, 3584), 77070335, 0x3C8C),
    ("vision_encoder.patch_embedding.weight", (3584, 3, 16, 16), 2752511, 0x3CB5),
    ("diffusion_head_b.linear.bias", (768,), 767, 0xBCBB),
]

# The same of Tuna's, whose tensors shapes.py does not list: scales of norms by other names, and a convolution.
TUNA_VECTORS = [
    ("vision_model.encoder.layers.3.layer_norm1.weight", (1152,), 7, 0x3F75),
    ("vae.model.decoder.head.0.gamma", (256, 1, 1, 1), 255, 0x3F82),
    ("vae.model.decoder.conv1.weight", (1024, 48, 3, 3, 3), 1327103, 0x3BA1),
]


def fill(name, shape, device, chunk=1 << 26):
    """The whole tensor in bfloat16 on a torch device. torch has no 32-bit unsigned product, so int64 and a mask: a
    product that passes 2^63 wraps, and its low 32 bits, all that is kept, are the same in two's complement."""
    import torch

    base, scale = base_and_scale(name, shape)
    offset = (tensor_id(name) * 0x85EBCA77) & MASK
    count = math.prod(shape)
    out = torch.empty(count, dtype=torch.bfloat16, device=device)
    for start in range(0, count, chunk):
        stop = min(count, start + chunk)
        x = torch.arange(start, stop, dtype=torch.int64, device=device)
        x.mul_(0x9E3779B1).add_(offset).bitwise_and_(MASK)
        x.bitwise_xor_(x >> 16).mul_(0x7FEB352D).bitwise_and_(MASK)
        x.bitwise_xor_(x >> 15).mul_(0x846CA68B).bitwise_and_(MASK)
        x.bitwise_xor_(x >> 16)
        v = ((x >> 8) - (1 << 23)).to(torch.float32) * (1.0 / (1 << 23))
        out[start:stop] = (v * scale + base).to(torch.bfloat16)
    return out.view(shape)
