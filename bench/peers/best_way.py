"""Peer (b): the best PyTorch a strong engineer would write, every shortcut exact (MODEL.md section 5).

- K and V of everything before the denoised span are computed once per CFG branch, in the LLM and in the head; a step
  runs the span's N+1 rows per branch and writes their K and V right behind the prefix.
- In the loop every row sees every key, so attention is dense SDPA per branch, no mask, GQA inside the kernel.
- adaLN vectors and time embeddings of all steps come from batched products before the loop.
- Fused q/k/v and gate/up weights; both branches' rows in one product; the patch embedding once for both branches.
- lm_head never, except in answers; the last head layer runs no text queries.
- Regional torch.compile (one LLM layer, one head layer, the small ends), and one CUDA graph of a whole step: the step
  number lives on the device, so every replay is the same launch.

Shapes: B branches, n = N+1 span rows, D hidden, P prefix rows of a branch.
"""

import torch
import torch.nn.functional as F

import sdpa
import tuna_math as tm


def leaves(x):
    """The tensors of nested lists and tuples, in order."""
    if isinstance(x, torch.Tensor):
        yield x
    elif x is not None:
        for part in x:
            yield from leaves(part)


def attend(q, keys, values):
    """q (B, n, H, d); keys and values: per branch (P+n, G, d). -> (B, n, H*d)."""
    out = [F.scaled_dot_product_attention(q[b:b + 1].transpose(1, 2), keys[b][None].transpose(1, 2),
                                          values[b][None].transpose(1, 2), enable_gqa=True)
           for b in range(q.shape[0])]
    return torch.cat(out).transpose(1, 2).flatten(2)


def store(cache, rows):
    """The span's K or V behind each branch's prefix: rows (B, n, G, d), cache[b] (P+n, G, d)."""
    for b in range(rows.shape[0]):
        cache[b][-rows.shape[1]:].copy_(rows[b])


def llm_qkv(x, w, cos, sin, eps, heads, kv_heads):
    """cos, sin (..., L, 1, d) float32: the rotation runs in float32 and is rounded once."""
    h = tm.rms_norm(x, w["norm1"], eps)
    dim = cos.shape[-1]
    q, k, v = F.linear(h, w["qkv"], w["qkv_bias"]).unflatten(-1, (-1, dim)).split((heads, kv_heads, kv_heads), dim=-2)
    return tm.rotate_halves(q.float(), cos, sin).to(x.dtype), tm.rotate_halves(k.float(), cos, sin).to(x.dtype), v


def llm_rest(x, attended, w, eps):
    x = x + F.linear(attended, w["o"])
    gate, up = F.linear(tm.rms_norm(x, w["norm2"], eps), w["gate_up"]).chunk(2, dim=-1)
    return x + F.linear(tm.swiglu(gate, up), w["down"])


def llm_layer(x, w, cos, sin, keys, values, eps, heads, kv_heads):
    q, k, v = llm_qkv(x, w, cos, sin, eps, heads, kv_heads)
    store(keys, k)
    store(values, v)
    return llm_rest(x, attend(q, keys, values), w, eps)


def head_qkv(x, w, shift, scale, rotate, cos, sin, c):
    h = tm.modulate(tm.rms_norm(x, w["norm1"], c.head.norm_eps), shift, scale)
    q, k, v = F.linear(h, w["qkv"]).unflatten(-1, (-1, c.flow_dim)).split(
        (c.head.heads, c.head.kv_heads, c.head.kv_heads), dim=-2)
    q = rotate(tm.rms_norm(q, w["q_norm"], c.head.qk_eps).float(), cos, sin).to(x.dtype)
    k = rotate(tm.rms_norm(k, w["k_norm"], c.head.qk_eps).float(), cos, sin).to(x.dtype)
    return q, k, v


def head_rest(x, attended, w, gate, shift, scale, gate2, eps):
    x = x + gate * F.linear(attended, w["o"])
    g, up = F.linear(tm.modulate(tm.rms_norm(x, w["norm2"], eps), shift, scale), w["gate_up"]).chunk(2, dim=-1)
    return x + gate2 * F.linear(tm.swiglu(g, up), w["down"])


def head_layer(x, w, modulation, cos, sin, keys, values, c):
    """modulation (6, D): this step's vectors, shared by every row of every branch."""
    shift, scale, gate, shift2, scale2, gate2 = modulation.unbind(0)
    q, k, v = head_qkv(x, w, shift, scale, tm.rotate_pairs, cos, sin, c)
    store(keys, k)
    store(values, v)
    return head_rest(x, attend(q, keys, values), w, gate, shift2, scale2, gate2, c.head.norm_eps)


def embed(z, te, w, patch, eps, branches):
    """z (3, H, W) float32, te (D) -> (B, n, D): the same span rows for every branch."""
    x = F.linear(tm.patches(z[None], patch).to(w["patch"].dtype), w["patch"], w["patch_bias"])[0]
    return torch.cat([te[None], tm.rms_norm(x, w["patch_norm"], eps)])[None].repeat(branches, 1, 1)


def finish(x, z, modulation, w, t, t_next, guidance, eps):
    """Final layer, raster order, guidance and the Euler move; -> (x0 of every branch, new z), float32."""
    shift, scale = modulation.unbind(0)
    x = tm.modulate(tm.rms_norm(x[:, 1:], w["final_norm"], eps), shift, scale)
    x0 = tm.raster(F.linear(x, w["final"], w["final_bias"]).float(), z.shape[1], z.shape[2])
    guided = x0[1] + guidance * (x0[0] - x0[1])
    return x0, z + (t_next - t) * (guided - z) / torch.clamp(1.0 - t, min=0.05)


class BestWay:
    name = "best"

    def __init__(self, config, weights, device, dtype, compiler=None, graph=False):
        """compiler: a torch.compile backend ("inductor" when timed, "aot_eager" in CPU tests) or None for eager."""
        self.c, self.device, self.dtype, self.graph_wanted = config, device, dtype, graph
        self.w = self.fuse(config, weights)
        wrap = (lambda f: torch.compile(f, backend=compiler, dynamic=False, fullgraph=True)) if compiler else (lambda f: f)
        self.llm_layer, self.head_layer = wrap(llm_layer), wrap(head_layer)
        self.embed, self.finish = wrap(embed), wrap(finish)
        self.decode_layer, self.decode_end = wrap(decode_layer), wrap(decode_end)

    @staticmethod
    def fuse(c, w):
        """Fused copies where fusing needs one; everything else is the given tensor itself."""
        def layer(p, bias):
            a = p + "self_attn."
            out = {"norm1": w[p + "input_layernorm.weight"], "norm2": w[p + "post_attention_layernorm.weight"],
                   "qkv": torch.cat([w[f"{a}{n}_proj.weight"] for n in "qkv"]), "o": w[a + "o_proj.weight"],
                   "gate_up": torch.cat([w[p + "mlp.gate_proj.weight"], w[p + "mlp.up_proj.weight"]]),
                   "down": w[p + "mlp.down_proj.weight"]}
            if bias:
                out["qkv_bias"] = torch.cat([w[f"{a}{n}_proj.bias"] for n in "qkv"])
            else:
                out["q_norm"], out["k_norm"] = w[a + "q_norm.weight"], w[a + "k_norm.weight"]
            return out

        return {"llm": [layer(f"tuna.model.layers.{i}.", True) for i in range(c.layers)],
                "head": [layer(f"diffusion_head_a.{i}.", False) for i in range(c.head.layers)],
                "ada": [(w[f"{p}adaLN_modulation.1.weight"], w[f"{p}adaLN_modulation.1.bias"])
                        for p in [f"diffusion_head_a.{i}." for i in range(c.head.layers)] + ["diffusion_head_b."]],
                "time": {k: v for k, v in w.items() if k.startswith("time_embed.")},
                "tokens": w["tuna.model.embed_tokens.weight"], "lm_head": w["tuna.lm_head.weight"],
                "norm": w["tuna.model.norm.weight"],
                "ends": {"patch": w["vision_encoder.patch_embedding.weight"].flatten(1),
                         "patch_bias": w["vision_encoder.patch_embedding.bias"],
                         "patch_norm": w["vision_encoder.norm.weight"],
                         "final_norm": w["diffusion_head_b.norm_final.weight"],
                         "final": w["diffusion_head_b.linear.weight"], "final_bias": w["diffusion_head_b.linear.bias"]}}

    # Before the loop

    def modulations(self, te):
        """te (m, D) -> a list per head layer of (m, 6, D), and the final layer's (m, 2, D)."""
        silu = F.silu(te)
        return [F.linear(silu, weight, bias).unflatten(-1, (-1, self.c.hidden)) for weight, bias in self.w["ada"]]

    def clean_rows(self, picture):
        """A clean picture's patch embeddings (N, D)."""
        e = self.w["ends"]
        x = F.linear(tm.patches(picture.to(self.device)[None], self.c.patch).to(self.dtype), e["patch"], e["patch_bias"])
        return tm.rms_norm(x[0], e["patch_norm"], self.c.patch_norm_eps)

    def prompt_embeddings(self, branch, te):
        """(P, D): tokens, with each clean image's time embedding and patches in its span."""
        x = F.embedding(torch.tensor(branch.tokens, device=self.device), self.w["tokens"])
        for (offset, length), source in zip(branch.spans, branch.sources):
            x[offset] = te
            x[offset + 1:offset + length] = self.clean_rows(source)
        return x

    def masked(self, q, k, v, mask):
        """Prefix attention, once per picture: q, k, v (P, heads, d), mask (P, P) of bool. The loop's backend may take no
        mask of this shape, so one that does is asked for; it wants K and V repeated."""
        groups = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        with sdpa.prefer("efficient"):
            out = F.scaled_dot_product_attention(q.transpose(0, 1)[None], k.transpose(0, 1)[None],
                                                 v.transpose(0, 1)[None], attn_mask=mask)
        return out[0].transpose(0, 1).flatten(1)

    def prefill_llm(self, x, spans, room):
        """-> final-norm states (P, D), and per layer K and V with `room` more rows behind the prefix."""
        c, length = self.c, x.shape[0]
        cos, sin = (t[:, None] for t in tm.llm_table(c, torch.arange(length, device=self.device)))
        mask = tm.omni_mask(length, spans, self.device)
        keys, values = [], []
        for w in self.w["llm"]:
            q, k, v = llm_qkv(x, w, cos, sin, c.norm_eps, c.heads, c.kv_heads)
            keys.append(self.with_room(k, room))
            values.append(self.with_room(v, room))
            x = llm_rest(x, self.masked(q, k, v, mask), w, c.norm_eps)
        return tm.rms_norm(x, self.w["norm"], c.norm_eps), keys, values

    def prefill_head(self, x, spans, modulation, room, problem):
        """modulation: per layer (6, D) of t = 1 for the clean spans. The last layer leaves only its K and V."""
        c, length = self.c, x.shape[0]
        text = torch.ones(length, 1, dtype=torch.bool, device=self.device)
        cos, sin = (t[:, None] for t in tm.head_text_table(c, torch.arange(length, device=self.device)))
        image = tuple(t[:, None] for t in tm.image_table(c, problem.height, problem.width, self.device))
        for offset, count in spans:
            text[offset:offset + count] = False

        def rotate(y, cos, sin):
            out = tm.rotate_halves(y, cos, sin)
            for offset, count in spans:
                out[offset] = y[offset]
                out[offset + 1:offset + count] = tm.rotate_pairs(y[offset + 1:offset + count], *image)
            return out

        mask = tm.omni_mask(length, spans, self.device)
        zero, one = torch.zeros_like(x[:1]), torch.ones_like(x[:1])
        keys, values = [], []
        for i, w in enumerate(self.w["head"]):
            shift, scale, gate, shift2, scale2, gate2 = (
                torch.where(text, plain, vector) for plain, vector in zip((zero, zero, one) * 2, modulation[i]))
            q, k, v = head_qkv(x, w, shift, scale, rotate, cos, sin, c)
            keys.append(self.with_room(k, room))
            values.append(self.with_room(v, room))
            if i + 1 < len(self.w["head"]):
                x = head_rest(x, self.masked(q, k, v, mask), w, gate, shift2, scale2, gate2, c.head.norm_eps)
        return keys, values

    @staticmethod
    def with_room(rows, room):
        return torch.cat([rows, rows.new_zeros(room, *rows.shape[1:])])

    def prepare(self, problem, times=None):
        """Everything that does not change between steps. times: t of every step and the last one's end."""
        c = self.c
        self.p, n = problem, problem.span
        te_one = tm.time_embedding(self.w["time"], torch.ones(1, device=self.device), self.dtype)
        modulation_one = [m[0] for m in self.modulations(te_one)]
        clean = self.clean_rows(problem.clean) if problem.clean is not None else None
        per_branch = []
        for branch in problem.branches:
            x = self.prompt_embeddings(branch, te_one[0])
            if clean is not None:
                x[-1 - clean.shape[0]:-1] = clean       # the pads stand right before boi, the prefix's last token
            h, lk, lv = self.prefill_llm(x, branch.spans, n)
            per_branch.append((lk, lv) + self.prefill_head(h, branch.spans, modulation_one, n, problem))
        self.keep("llm_kv", [([b[0][i] for b in per_branch], [b[1][i] for b in per_branch]) for i in range(c.layers)])
        self.keep("head_kv", [([b[2][i] for b in per_branch], [b[3][i] for b in per_branch])
                              for i in range(c.head.layers)])

        tables = [tm.llm_table(c, torch.arange(len(b.tokens), len(b.tokens) + n, device=self.device))
                  for b in problem.branches]
        self.keep("llm_cos", torch.stack([t[0] for t in tables])[:, :, None])
        self.keep("llm_sin", torch.stack([t[1] for t in tables])[:, :, None])
        cos, sin = tm.image_table(c, problem.height, problem.width, self.device)
        self.keep("head_cos", torch.cat([torch.ones_like(cos[:1]), cos])[:, None])
        self.keep("head_sin", torch.cat([torch.zeros_like(sin[:1]), sin])[:, None])
        if times is not None:
            self.set_times(times)

    def set_times(self, times):
        self.keep("t", torch.tensor(times, dtype=torch.float32, device=self.device))
        self.keep("te", tm.time_embedding(self.w["time"], self.t[:-1], self.dtype))
        tables = self.modulations(self.te)
        self.keep("modulation", torch.stack(tables[:-1], dim=1))        # (steps, layers, 6, D)
        self.keep("final_modulation", tables[-1])
        self.keep("step", torch.zeros(1, dtype=torch.int64, device=self.device))

    def keep(self, name, new):
        """Sets self.name; where the old value has the same shapes it is overwritten in place, so that a captured graph,
        which knows addresses, stays valid for the next picture of the same shape."""
        old = getattr(self, name, None)
        olds, news = list(leaves(old)), list(leaves(new))
        if old is not None and [t.shape for t in olds] == [t.shape for t in news]:
            for a, b in zip(olds, news):
                a.copy_(b)
        else:
            setattr(self, name, new)
            self.graph = None

    # The loop

    def forward(self, z, guidance):
        """One step at the step number held on the device -> (x0 per branch, next z)."""
        c, e, i = self.c, self.w["ends"], self.step
        x = self.embed(z, self.te.index_select(0, i)[0], e, c.patch, c.patch_norm_eps, len(self.p.branches))
        for w, (keys, values) in zip(self.w["llm"], self.llm_kv):
            x = self.llm_layer(x, w, self.llm_cos, self.llm_sin, keys, values, c.norm_eps, c.heads, c.kv_heads)
        x = tm.rms_norm(x, self.w["norm"], c.norm_eps)
        modulation = self.modulation.index_select(0, i)[0]
        for layer, (w, (keys, values)) in enumerate(zip(self.w["head"], self.head_kv)):
            x = self.head_layer(x, w, modulation[layer], self.head_cos, self.head_sin, keys, values, c)
        t, t_next = self.t.index_select(0, i), self.t.index_select(0, i + 1)
        return self.finish(x, z, self.final_modulation.index_select(0, i)[0], e, t, t_next, guidance, c.head.final_eps)

    def predict(self, z, t):
        """One evaluation outside a loop, for the goldens."""
        self.set_times([t, 1.0])
        return self.forward(z, 1.0)[0]

    def capture(self, guidance):
        """One graph: a step on self.z, then step += 1. Warm-up runs on a side stream, as capture requires."""
        def advance():
            self.z.copy_(self.forward(self.z, guidance)[1])
            self.step.add_(1)

        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.step.zero_()
                advance()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        self.step.zero_()
        with torch.cuda.graph(self.graph):
            advance()

    def sample(self, z, times, guidance):
        """times must be those given to prepare."""
        if self.graph_wanted:
            if self.graph is None or self.captured != (guidance, z.shape):
                self.z = z.clone()
                self.capture(guidance)
                self.captured = (guidance, z.shape)
            self.z.copy_(z)
            self.step.zero_()
            for _ in times[1:]:
                self.graph.replay()
            return self.z.clone()
        self.step.zero_()
        for _ in times[1:]:
            z = self.forward(z, guidance)[1]
            self.step.add_(1)
        return z

    # Answers

    def answer(self, problem, count):
        """Greedy decoding with a static cache. The token, its position and the output live on the device; on a GPU one
        graph replays per token and the ids are read once, at the end."""
        c, branch = self.c, problem.branches[0]
        te = tm.time_embedding(self.w["time"], torch.ones(1, device=self.device), self.dtype)
        h, keys, values = self.prefill_llm(self.prompt_embeddings(branch, te[0]), branch.spans, count)
        self.logits = F.linear(h[-1:], self.w["lm_head"])
        length, room = h.shape[0], keys[0].shape[0]
        if getattr(self, "decode_room", None) != (length, room):
            self.decode_room, self.decode_graph = (length, room), None
            self.decode_kv = [(torch.empty_like(k), torch.empty_like(v)) for k, v in zip(keys, values)]
            self.token = torch.zeros(1, dtype=torch.int64, device=self.device)
            self.position = torch.zeros(1, dtype=torch.int64, device=self.device)
            self.ids = torch.zeros(count, dtype=torch.int64, device=self.device)
            self.decode_tables = tuple(t[:, None] for t in tm.llm_table(c, torch.arange(room, device=self.device)))
            self.slots = torch.arange(room, device=self.device)
        for (k, v), new_k, new_v in zip(self.decode_kv, keys, values):
            k.copy_(new_k)
            v.copy_(new_v)

        def begin():
            self.token.copy_(self.logits.argmax(-1))
            self.position.fill_(length)
            self.ids[0] = self.token[0]

        def advance():
            pos = self.position
            x = F.embedding(self.token, self.w["tokens"])
            cos, sin = (t.index_select(0, pos) for t in self.decode_tables)
            seen = (self.slots <= pos)[None, None]
            for w, (k, v) in zip(self.w["llm"], self.decode_kv):
                x = self.decode_layer(x, w, cos, sin, k, v, pos, seen, c.norm_eps, c.heads, c.kv_heads)
            self.token.copy_(self.decode_end(x, self.w["norm"], self.w["lm_head"], c.norm_eps))
            self.position.add_(1)
            self.ids.index_copy_(0, self.position - length, self.token)

        begin()
        if self.graph_wanted and self.decode_graph is None:
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    begin()
                    advance()
            torch.cuda.current_stream().wait_stream(side)
            begin()
            self.decode_graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.decode_graph):
                advance()
            begin()
        for _ in range(count - 1):
            self.decode_graph.replay() if self.graph_wanted else advance()
        return self.ids.tolist()


def decode_layer(x, w, cos, sin, keys, values, position, seen, eps, heads, kv_heads):
    """x (1, D); keys, values (room, G, d); seen (1, 1, room) of bool: what lies beyond the position is not attended to.
    Two batched products over the G key heads: SDPA takes no mask together with GQA except by repeating K and V."""
    q, k, v = llm_qkv(x, w, cos, sin, eps, heads, kv_heads)
    keys.index_copy_(0, position, k)
    values.index_copy_(0, position, v)
    q = q.unflatten(1, (kv_heads, heads // kv_heads))[0]
    scores = torch.bmm(q, keys.permute(1, 2, 0)).float() * q.shape[-1] ** -0.5
    shares = scores.masked_fill(~seen, float("-inf")).softmax(-1).to(q.dtype)
    return llm_rest(x, torch.bmm(shares, values.transpose(0, 1)).reshape(1, -1), w, eps)


def decode_end(x, norm, lm_head, eps):
    return F.linear(tm.rms_norm(x, norm, eps), lm_head).argmax(-1)
