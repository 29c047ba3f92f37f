"""The released code's own modules as a third peer, where somebody has put a checkout beside this program.

    time_peers.py --official DIR        DIR holds the released package's folder `tuna`; it is imported, never copied

The released modules are written against particular versions of transformers, diffusers and omegaconf. Of those they use
little at inference: base classes, a cache that grows by concatenation, two rotary initialisers, decorators. That little
is stood in for here, during the import only, so that the modules run as they are on any machine with PyTorch. Two things
are set from outside: weights are assigned (no copy, no random initialisation), and the patch norm's epsilon is the
model's constant, since PyTorch's default for it changed between versions.

`python3 official_modules.py --official DIR --goldens DIR` checks this peer alone against the reference outputs.
"""

import argparse
import functools
import inspect
import json
import sys
import types
from contextlib import contextmanager

import torch
from torch import nn

import goldens
import tuna_math as tm
from official_way import OfficialWay


class Settings:
    """A configuration object: attributes, and `name in settings`."""

    def __init__(self, **values):
        self.__dict__.update(values)

    def __contains__(self, name):
        return name in self.__dict__


class Output(dict):
    """A model output: by name, by attribute and by position among what is not None."""

    def __init__(self, **values):
        super().__init__({k: v for k, v in values.items() if v is not None})

    def __getitem__(self, key):
        return list(self.values())[key] if isinstance(key, (int, slice)) else super().__getitem__(key)

    def __getattr__(self, name):
        return self.get(name)


class GrowingCache:
    """K and V per layer, grown by concatenation; its legacy form is a tuple of (K, V)."""

    def __init__(self):
        self.layers = []

    def update(self, k, v, layer, kwargs=None):
        if layer == len(self.layers):
            self.layers.append((k, v))
        else:
            old_k, old_v = self.layers[layer]
            self.layers[layer] = (torch.cat([old_k, k], dim=-2), torch.cat([old_v, v], dim=-2))
        return self.layers[layer]

    def get_seq_length(self):
        return self.layers[0][0].shape[-2] if self.layers else 0

    def to_legacy_cache(self):
        return tuple(self.layers)

    @classmethod
    def from_legacy_cache(cls, layers):
        cache = cls()
        cache.layers = list(layers)
        return cache


class Model(nn.Module):
    """The base of the language model: it is made from a configuration and initialises nothing."""

    llm_settings = None

    def __init__(self, config):
        super().__init__()
        self.config = config

    def post_init(self):
        pass

    def resize_token_embeddings(self, count):
        pass

    @classmethod
    def from_pretrained(cls, path, **kwargs):
        return cls(Model.llm_settings)


def head_dim(settings):
    return getattr(settings, "head_dim", None) or settings.hidden_size // settings.num_attention_heads


def default_rope(settings, device, seq_len=None, **kwargs):
    return tm.inverse_frequencies(head_dim(settings), settings.rope_theta, device), 1.0


def llama3_rope(settings, device, seq_len=None, **kwargs):
    s = settings.rope_scaling
    head = types.SimpleNamespace(text_theta=settings.rope_theta, rope_factor=s["factor"], rope_low=s["low_freq_factor"],
                                 rope_high=s["high_freq_factor"], rope_original=s["original_max_position_embeddings"])
    return tm.llama3_frequencies(head_dim(settings), head, device), 1.0


def register_to_config(init):
    """Keeps the constructor's arguments, defaults included, as self.config."""
    @functools.wraps(init)
    def wrapped(self, *args, **kwargs):
        bound = inspect.signature(init).bind(self, *args, **kwargs)
        bound.apply_defaults()
        values = {k: v for k, v in bound.arguments.items() if k not in ("self", "kwargs")}
        self.config = Settings(**values)
        init(self, *args, **kwargs)
    return wrapped


def plain_decorator(*args, **kwargs):
    return lambda f: f


def stand_ins():
    logger = types.SimpleNamespace(warning_once=lambda *a: None, warning=lambda *a: None, info=lambda *a: None)
    outputs = ("BaseModelOutputWithPast", "CausalLMOutputWithPast", "QuestionAnsweringModelOutput",
               "SequenceClassifierOutputWithPast", "TokenClassifierOutput")
    marker = lambda name: type(name, (), {})
    utils = {name: plain_decorator for name in ("add_code_sample_docstrings", "add_start_docstrings",
                                                "add_start_docstrings_to_model_forward", "replace_return_docstrings")}
    return {
        "transformers": {"AutoConfig": types.SimpleNamespace(from_pretrained=lambda *a, **k: Model.llm_settings),
                         "AutoTokenizer": None},
        "transformers.activations": {"ACT2FN": {"silu": nn.SiLU()}},
        "transformers.cache_utils": {"Cache": GrowingCache, "DynamicCache": GrowingCache,
                                     "SlidingWindowCache": marker("SlidingWindowCache"), "StaticCache": marker("StaticCache")},
        "transformers.configuration_utils": {"PretrainedConfig": Settings},
        "transformers.generation": {"GenerationMixin": marker("GenerationMixin")},
        "transformers.modeling_attn_mask_utils": {"AttentionMaskConverter": marker("AttentionMaskConverter")},
        "transformers.modeling_outputs": {name: Output for name in outputs},
        "transformers.modeling_rope_utils": {"ROPE_INIT_FUNCTIONS": {"default": default_rope, "llama3": llama3_rope}},
        "transformers.modeling_utils": {"PreTrainedModel": Model},
        "transformers.models": {}, "transformers.models.qwen2": {},
        "transformers.models.qwen2.configuration_qwen2": {"Qwen2Config": Settings},
        "transformers.pytorch_utils": {"ALL_LAYERNORM_LAYERS": []},
        "transformers.utils": {**utils, "is_flash_attn_2_available": lambda: False,
                               "is_flash_attn_greater_or_equal_2_10": lambda: False, "torch_int": int,
                               "logging": types.SimpleNamespace(get_logger=lambda name: logger)},
        "diffusers": {}, "diffusers.models": {},
        "diffusers.configuration_utils": {"ConfigMixin": marker("ConfigMixin"), "register_to_config": register_to_config},
        "diffusers.models.modeling_utils": {"ModelMixin": nn.Module},
        "omegaconf": {"DictConfig": dict, "OmegaConf": None},
        "timm": {}, "timm.layers": {}, "timm.layers.helpers": {"to_2tuple": lambda x: x if isinstance(x, tuple) else (x, x)},
    }


@contextmanager
def standing_in():
    """Only while importing: afterwards the machine's own packages, if any, are what `import` finds again."""
    names = stand_ins()
    roots = {name.partition(".")[0] for name in names}
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in roots}
    for name in kept:
        del sys.modules[name]
    for name, values in names.items():
        module = types.ModuleType(name)
        module.__dict__.update(values)
        module.__path__ = []
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(kept)


class Released(OfficialWay):
    """The official way with the released forward pass in place of ours; problems, masks and sampling stay the same."""

    name = "released"

    def __init__(self, config, weights, device, dtype, folder):
        super().__init__(config, weights, device, dtype)
        Model.llm_settings = Settings(
            hidden_size=config.hidden, intermediate_size=config.intermediate, num_hidden_layers=config.layers,
            num_attention_heads=config.heads, num_key_value_heads=config.kv_heads, rope_theta=config.rope_theta,
            rope_scaling=None, rms_norm_eps=config.norm_eps, vocab_size=config.vocab, max_position_embeddings=32768,
            hidden_act="silu", attention_dropout=0.0, sliding_window=None, use_sliding_window=False, pad_token_id=None,
            _attn_implementation="sdpa", output_attentions=False, output_hidden_states=False, use_cache=True,
            use_return_dict=True, initializer_range=0.02, max_window_layers=config.layers)
        if folder not in sys.path:
            sys.path.insert(0, folder)
        with standing_in():
            from tuna.models.tuna_2_pixel import Tuna2Pixel
        with torch.device("meta"):
            self.model = Tuna2Pixel(
                llm_vocab_size=config.vocab, llm_model_path="", init_llm_from_config=True, image_latent_dim=config.channels,
                num_attention_heads=config.head.heads, num_key_value_heads=config.head.kv_heads, patch_size=config.patch,
                hidden_size=config.hidden, num_diffusion_layers=config.head.layers, add_aspect_ratio_embeds=False,
                add_time_embeds=True)
        wanted = {name for name, _ in self.model.named_parameters()}
        missing = wanted - set(weights)
        if missing:
            raise ValueError(f"the released model has tensors we lack: {sorted(missing)[:5]}")
        self.model.load_state_dict({k: v for k, v in weights.items() if k in wanted}, strict=True, assign=True)
        for module in self.model.modules():
            if hasattr(module, "rope_init_fn"):     # made on no device; made again where it is used
                module.inv_freq, module.attention_scaling = module.rope_init_fn(module.config, device)
                module.original_inv_freq = module.inv_freq
        self.model.vision_encoder.norm.eps = config.patch_norm_eps
        self.model.eval()

    def inputs(self, tokens, images, t, spans_per_branch):
        return dict(text_tokens=tokens, image_latents=images[:, :, None].to(self.dtype), t=t.to(self.dtype),
                    modality_positions=torch.tensor(spans_per_branch, device=self.device), device=self.device)

    def forward(self, tokens, images, t, spans_per_branch, mask, clean=None):
        _, x0 = self.model(**self.inputs(tokens, images, t, spans_per_branch), attention_mask=mask,
                           output_hidden_states=True, max_seq_len=tokens.shape[1], clean_image_embeds=clean)
        return x0[:, :, 0].float()

    def answer(self, problem, count):
        branch = problem.branches[0]
        tokens = torch.tensor([branch.tokens], device=self.device)
        embeds = self.model(**self.inputs(tokens, branch.sources[0].to(self.device)[None],
                                          torch.ones(1, device=self.device), [branch.spans]), return_input_embeds=True)
        mask = self.mask(tokens.shape[1], [branch.spans])
        return [int(i) for i in self.model.mmu_generate(embeds, attention_mask=mask, max_new_tokens=count)]


def add(contenders, rows, args, config, weights, dtype, contender):
    """Joins the contest when it passes the goldens; a checkout that cannot be run is reported, and the rest goes on."""
    try:
        make = lambda *model: Released(*model, args.official)
        if not goldens.check(make, args.goldens, args.device, lambda row: row["passed"] or rows.write(**row)):
            rows.write(row="goldens", peer="released", passed=False)
            return
        rows.write(row="goldens", peer="released", passed=True)
        first = contenders[0]
        contenders.append(contender(Released(config, weights, args.device, dtype, args.official), None,
                                    first.weight_bytes, first.foreign_bytes, args.device))
    except (ImportError, AttributeError, TypeError, ValueError, RuntimeError) as problem:
        rows.write(row="skipped", what="released modules", why=f"{type(problem).__name__}: {problem}"[:300])


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", required=True)
    parser.add_argument("--goldens", required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args(argv)
    good = goldens.check(lambda *model: Released(*model, args.official), args.goldens, args.device,
                         lambda row: print(json.dumps(row), flush=True))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
