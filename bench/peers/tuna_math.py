"""The small formulas both peers share, each as MODEL.md section 3 states it. Tensors in, tensors out, no weights held."""

import math

import torch
import torch.nn.functional as F


def rms_norm(x, weight, eps):
    """Statistics in float32; rounded to the working type before the weight, as the official code does."""
    y = x.float()
    y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + eps)
    return y.to(x.dtype) * weight


def modulate(x, shift, scale):
    return (x.float() * (1 + scale.float()) + shift.float()).to(x.dtype)


def swiglu(gate, up):
    return F.silu(gate) * up


def time_sinusoids(t):
    """(n) -> (n, 256): cosines first, frequencies exp(-ln(10000) i / 128), t not scaled."""
    i = torch.arange(128, dtype=torch.float32, device=t.device)
    angle = t.float()[:, None] * torch.exp(-math.log(10000.0) * i / 128)
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def time_embedding(w, t, dtype):
    x = time_sinusoids(t).to(dtype)
    x = F.silu(F.linear(x, w["time_embed.mlp.0.weight"], w["time_embed.mlp.0.bias"]))
    return F.linear(x, w["time_embed.mlp.2.weight"], w["time_embed.mlp.2.bias"])


# Rotary embeddings. Every table is a pair (cos, sin) of shape (positions, head_dim), float32.

def inverse_frequencies(dim, theta, device):
    return theta ** (-torch.arange(0, dim, 2, dtype=torch.float32, device=device) / dim)


def llama3_frequencies(dim, head, device):
    """Long wavelengths are slowed by the factor, short ones kept, those between blended."""
    freq = inverse_frequencies(dim, head.text_theta, device)
    wavelength = 2 * math.pi / freq
    low, high = head.rope_original / head.rope_low, head.rope_original / head.rope_high
    smooth = (head.rope_original / wavelength - head.rope_low) / (head.rope_high - head.rope_low)
    blended = (1 - smooth) * freq / head.rope_factor + smooth * freq
    slowed = torch.where(wavelength > low, freq / head.rope_factor, freq)
    return torch.where((wavelength <= low) & (wavelength >= high), blended, slowed)


def half_table(positions, freq):
    """For rotate_half: the angles stand twice, one after the other."""
    angle = positions.float()[:, None] * freq
    angle = torch.cat([angle, angle], dim=-1)
    return angle.cos(), angle.sin()


def llm_table(config, positions):
    return half_table(positions, inverse_frequencies(config.head_dim, config.rope_theta, positions.device))


def head_text_table(config, positions):
    return half_table(positions, llama3_frequencies(config.flow_dim, config.head, positions.device))


def image_table(config, height, width, device):
    """Patches row-major, axes (t, y, x) with 16 + 24 + 24 of 64 dims; every angle stands twice, side by side, and the
    rotation is by the NEGATIVE angle: (a, b) -> (a cos + b sin, -a sin + b cos). t is 0 for a picture."""
    rows, columns = height // config.patch, width // config.patch
    y = torch.arange(rows, device=device).repeat_interleave(columns)
    x = torch.arange(columns, device=device).repeat(rows)
    dims = (config.flow_dim // 4, config.flow_dim // 8 * 3, config.flow_dim // 8 * 3)
    angle = torch.cat([p.float()[:, None] * inverse_frequencies(d, config.head.image_theta, device)
                       for p, d in zip((torch.zeros_like(y), y, x), dims)], dim=-1)
    angle = angle.repeat_interleave(2, dim=-1)
    return angle.cos(), angle.sin()


def rotate_halves(x, cos, sin):
    """(..., L, dim) with tables (L, dim), or any tables that broadcast to x."""
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-b, a], dim=-1) * sin


def rotate_pairs(x, cos, sin):
    """Interleaved pairs, negative angle. A row with cos 1 and sin 0 (the time token) passes unchanged."""
    pairs = x.unflatten(-1, (-1, 2))
    a, b = pairs.unbind(-1)
    return x * cos + torch.stack([b, -a], dim=-1).flatten(-2) * sin


# Pictures

def patches(images, patch):
    """(n, 3, H, W) -> (n, N, 3*p*p) in the order of a Conv2d weight (channel, dy, dx)."""
    n, c, h, w = images.shape
    x = images.view(n, c, h // patch, patch, w // patch, patch)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(n, (h // patch) * (w // patch), c * patch * patch)


def raster(values, height, width):
    """(n, N, 768) -> (n, 3, H, W): token i holds 256 consecutive pixels of the flattened picture, channel fastest.
    Not blocks."""
    n = values.shape[0]
    return values.reshape(n, height, width, 3).permute(0, 3, 1, 2)


def euler(z, x0, t, t_next):
    """One move of the pixel sampler; x0 is the guided prediction, all float32."""
    return z + (t_next - t) * (x0 - z) / max(0.05, 1.0 - t)


def step_times(steps):
    return [i / steps for i in range(steps + 1)]


def to_bytes(z):
    return (((z + 1) / 2).clamp(0, 1) * 255).to(torch.uint8)


def omni_mask(length, spans, device):
    """(length, length) of bool: True where query (row) sees key: causal, or both in one span."""
    i = torch.arange(length, device=device)
    end = i + 1
    for offset, count in spans:
        end = torch.where((i >= offset) & (i < offset + count), torch.full_like(end, offset + count), end)
    return i[None, :] < end[:, None]
