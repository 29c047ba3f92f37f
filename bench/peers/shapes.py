"""The model's shapes and what they cost: pure arithmetic, no torch.

`Config.from_json` reads a model's config.json; TUNA2_7B is the published tuna_2_pixel shape. `tensors` lists every
tensor a forward pass reads under its official checkpoint name. The cost functions count what must happen, once; the
benchmarks divide by measured time.
"""

import json
import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class HeadConfig:
    layers: int = 16
    heads: int = 56
    kv_heads: int = 14
    norm_eps: float = 1e-5
    final_eps: float = 1e-6
    qk_eps: float = 1e-6
    text_theta: float = 500000.0
    rope_factor: float = 32.0
    rope_low: float = 1.0
    rope_high: float = 4.0
    rope_original: int = 8192
    image_theta: float = 10000.0


@dataclass(frozen=True)
class Config:
    hidden: int = 3584
    intermediate: int = 18944
    layers: int = 28
    heads: int = 28
    kv_heads: int = 4
    rope_theta: float = 1e6
    norm_eps: float = 1e-6
    vocab: int = 151669
    patch: int = 16
    channels: int = 3
    noise_scale: float = 2.0
    patch_norm_eps: float = 0.0078125
    head: HeadConfig = field(default_factory=HeadConfig)

    @property
    def head_dim(self):
        return self.hidden // self.heads

    @property
    def flow_dim(self):
        """Head dimension of the flow head."""
        return self.hidden // self.head.heads

    @property
    def patch_values(self):
        return self.patch * self.patch * self.channels

    def span(self, height, width):
        """Tokens of an image: the time token and the patches."""
        return 1 + (height // self.patch) * (width // self.patch)

    @staticmethod
    def from_json(path):
        with open(path) as file:
            c = json.load(file)
        h, scaling = c["flow_head"], c["flow_head"]["rope_scaling"]
        return Config(
            hidden=c["hidden_size"], intermediate=c["intermediate_size"], layers=c["num_hidden_layers"],
            heads=c["num_attention_heads"], kv_heads=c["num_key_value_heads"], rope_theta=c["rope_theta"],
            norm_eps=c["rms_norm_eps"], vocab=c["vocab_size"], patch=c["patch_size"], channels=c["image_channels"],
            noise_scale=c["noise_scale"], patch_norm_eps=c["patch_norm_eps"],
            head=HeadConfig(
                layers=h["num_layers"], heads=h["num_attention_heads"], kv_heads=h["num_key_value_heads"],
                norm_eps=h["rms_norm_eps"], final_eps=h["final_norm_eps"], text_theta=h["rope_theta"],
                rope_factor=scaling["factor"], rope_low=scaling["low_freq_factor"],
                rope_high=scaling["high_freq_factor"], rope_original=scaling["original_max_position_embeddings"],
                image_theta=h["image_rope_theta"]))


TUNA2_7B = Config()


def tensors(c):
    """[(official name, shape)] of everything a forward pass reads."""
    d, m = c.hidden, c.intermediate
    out = [("tuna.model.embed_tokens.weight", (c.vocab, d)), ("tuna.model.norm.weight", (d,)),
           ("tuna.lm_head.weight", (c.vocab, d)),
           ("vision_encoder.patch_embedding.weight", (d, c.channels, c.patch, c.patch)),
           ("vision_encoder.patch_embedding.bias", (d,)), ("vision_encoder.norm.weight", (d,)),
           ("time_embed.mlp.0.weight", (d, 256)), ("time_embed.mlp.0.bias", (d,)),
           ("time_embed.mlp.2.weight", (d, d)), ("time_embed.mlp.2.bias", (d,))]
    for i in range(c.layers):
        p = f"tuna.model.layers.{i}."
        kv = c.kv_heads * c.head_dim
        out += [(p + "input_layernorm.weight", (d,)), (p + "post_attention_layernorm.weight", (d,)),
                (p + "self_attn.q_proj.weight", (d, d)), (p + "self_attn.q_proj.bias", (d,)),
                (p + "self_attn.k_proj.weight", (kv, d)), (p + "self_attn.k_proj.bias", (kv,)),
                (p + "self_attn.v_proj.weight", (kv, d)), (p + "self_attn.v_proj.bias", (kv,)),
                (p + "self_attn.o_proj.weight", (d, d)), (p + "mlp.gate_proj.weight", (m, d)),
                (p + "mlp.up_proj.weight", (m, d)), (p + "mlp.down_proj.weight", (d, m))]
    for i in range(c.head.layers):
        p = f"diffusion_head_a.{i}."
        kv = c.head.kv_heads * c.flow_dim
        out += [(p + "input_layernorm.weight", (d,)), (p + "post_attention_layernorm.weight", (d,)),
                (p + "self_attn.q_proj.weight", (d, d)), (p + "self_attn.k_proj.weight", (kv, d)),
                (p + "self_attn.v_proj.weight", (kv, d)), (p + "self_attn.o_proj.weight", (d, d)),
                (p + "self_attn.q_norm.weight", (c.flow_dim,)), (p + "self_attn.k_norm.weight", (c.flow_dim,)),
                (p + "mlp.gate_proj.weight", (m, d)), (p + "mlp.up_proj.weight", (m, d)),
                (p + "mlp.down_proj.weight", (d, m)),
                (p + "adaLN_modulation.1.weight", (6 * d, d)), (p + "adaLN_modulation.1.bias", (6 * d,))]
    out += [("diffusion_head_b.norm_final.weight", (d,)), ("diffusion_head_b.linear.weight", (c.patch_values, d)),
            ("diffusion_head_b.linear.bias", (c.patch_values,)),
            ("diffusion_head_b.adaLN_modulation.1.weight", (2 * d, d)),
            ("diffusion_head_b.adaLN_modulation.1.bias", (2 * d,))]
    return out


def parameters(c):
    return sum(math.prod(shape) for _, shape in tensors(c))


def products(c):
    """[(name, N, K, how often per token and step)]: the big products, fused the way an engine fuses them."""
    d, m = c.hidden, c.intermediate
    llm_qkv = d + 2 * c.kv_heads * c.head_dim
    head_qkv = d + 2 * c.head.kv_heads * c.flow_dim
    both = c.layers + c.head.layers
    return [("llm qkv", llm_qkv, d, c.layers), ("head qkv", head_qkv, d, c.head.layers),
            ("o", d, d, both), ("gate+up", 2 * m, d, both), ("down", d, m, both)]


def macs_per_token(c):
    """Multiply-adds of the layers' products for one token (attention scores not counted)."""
    return sum(n * k * times for _, n, k, times in products(c))


def product_bytes(m, n, k, size=2):
    """Each operand read once and the result written once."""
    return size * (m * k + n * k + m * n)


def attention_flops(queries, keys, heads, head_dim):
    """Dense: both products, multiply and add counted apart."""
    return 4 * queries * keys * heads * head_dim


def step_flops(c, height, width, prefixes):
    """One denoising step that runs only the span of every branch; prefixes: cached tokens per branch."""
    n = c.span(height, width)
    total = 0
    for prefix in prefixes:
        total += 2 * n * macs_per_token(c)
        total += c.layers * attention_flops(n, prefix + n, c.heads, c.head_dim)
        total += c.head.layers * attention_flops(n, prefix + n, c.head.heads, c.flow_dim)
    return total


def official_sequence(height, width, edit=False):
    """The padded length S the official pipelines run at (pixel variants)."""
    if edit:
        return 4096
    n = (height // 16) * (width // 16)
    return min((2048, 5120), key=lambda s: (abs(n + 1024 - s), s))


def official_step_flops(c, sequence, branches=2):
    """The same step as the official way runs it: whole padded sequence, dense mask, lm_head on every position."""
    per = 2 * sequence * (macs_per_token(c) + c.vocab * c.hidden)
    per += c.layers * attention_flops(sequence, sequence, c.heads, c.head_dim)
    per += c.head.layers * attention_flops(sequence, sequence, c.head.heads, c.flow_dim)
    return branches * per


def decode_bytes(c, cached_tokens, size=2):
    """Bytes one decoded token must read: the LLM's layers, lm_head and the cached K and V."""
    layers = sum(n * k * times for name, n, k, times in
                 [("qkv", c.hidden + 2 * c.kv_heads * c.head_dim, c.hidden, c.layers), ("o", c.hidden, c.hidden, c.layers),
                  ("gate+up", 2 * c.intermediate, c.hidden, c.layers), ("down", c.hidden, c.intermediate, c.layers)])
    kv = 2 * c.layers * c.kv_heads * c.head_dim * cached_tokens
    return size * (layers + c.vocab * c.hidden + kv)
