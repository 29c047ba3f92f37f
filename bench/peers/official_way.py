"""Peer (a): the model run the way the released code runs it, written fresh, so that its cost is the official cost.

What makes it that: both CFG branches in one batch padded to the pipeline's fixed length; a dense additive mask; K and V
repeated to every query head; modulation vectors spread into whole (batch, length, hidden) tensors; adaLN, text and
prefix recomputed at every step; lm_head over every position although denoising throws it away. Rotary tables are
rounded to the working type. z and t follow MODEL.md (float32), not the released bfloat16.

Shapes: B branches, S padded length, D hidden, H heads, J spans per branch.
"""

import torch
import torch.nn.functional as F

import tuna_math as tm

NEVER = -9.2e18     # the most negative int64, what the released mask holds; finite, so no row is NaN


class OfficialWay:
    name = "official"

    def __init__(self, config, weights, device, dtype):
        self.c, self.w, self.device, self.dtype = config, weights, device, dtype

    def mask(self, length, spans_per_branch):
        seen = torch.stack([tm.omni_mask(length, spans, self.device) for spans in spans_per_branch])[:, None]
        return torch.zeros(seen.shape, dtype=self.dtype, device=self.device).masked_fill_(~seen, NEVER)

    def embed_images(self, images):
        w = self.w
        x = F.conv2d(images.to(self.dtype), w["vision_encoder.patch_embedding.weight"],
                     w["vision_encoder.patch_embedding.bias"], stride=self.c.patch)
        return tm.rms_norm(x.flatten(2).transpose(1, 2), w["vision_encoder.norm.weight"], self.c.patch_norm_eps)

    def attend(self, q, k, v, mask):
        """q (B, H, S, d), k and v with fewer heads; the released code repeats them before the call."""
        groups = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        out = F.scaled_dot_product_attention(q.contiguous(), k.contiguous(), v.contiguous(), attn_mask=mask)
        return out.transpose(1, 2).flatten(2)

    def project(self, x, prefix, heads, kv_heads, dim, bias):
        w = self.w
        return [F.linear(x, w[f"{prefix}{p}_proj.weight"], w[f"{prefix}{p}_proj.bias"] if bias else None)
                .unflatten(-1, (n, dim)).transpose(1, 2) for p, n in (("q", heads), ("k", kv_heads), ("v", kv_heads))]

    def mlp(self, x, prefix):
        w = self.w
        return F.linear(tm.swiglu(F.linear(x, w[prefix + "gate_proj.weight"]), F.linear(x, w[prefix + "up_proj.weight"])),
                        w[prefix + "down_proj.weight"])

    def llm(self, x, mask, cache=None, position=0):
        """(B, L, D) -> hidden states after the final norm. cache: list of [k, v] per layer, grown by concatenation."""
        c, w = self.c, self.w
        cos, sin = (t.to(self.dtype) for t in tm.llm_table(c, torch.arange(position, position + x.shape[1],
                                                                           device=self.device)))
        for i in range(c.layers):
            p = f"tuna.model.layers.{i}."
            h = tm.rms_norm(x, w[p + "input_layernorm.weight"], c.norm_eps)
            q, k, v = self.project(h, p + "self_attn.", c.heads, c.kv_heads, c.head_dim, bias=True)
            q, k = tm.rotate_halves(q, cos, sin), tm.rotate_halves(k, cos, sin)
            if cache is not None:
                if len(cache) > i:
                    k, v = torch.cat([cache[i][0], k], dim=2), torch.cat([cache[i][1], v], dim=2)
                    cache[i] = [k, v]
                else:
                    cache.append([k, v])
            x = x + F.linear(self.attend(q, k, v, mask), w[p + "self_attn.o_proj.weight"])
            h = tm.rms_norm(x, w[p + "post_attention_layernorm.weight"], c.norm_eps)
            x = x + self.mlp(h, p + "mlp.")
        return tm.rms_norm(x, w["tuna.model.norm.weight"], c.norm_eps)

    def spread(self, vectors, shape, spans_per_branch, fill):
        """(B*J, D) -> (B, S, D): each span's vector on its tokens, `fill` on text."""
        out = torch.full(shape, fill, dtype=self.dtype, device=self.device)
        row = 0
        for b, spans in enumerate(spans_per_branch):
            for offset, length in spans:
                out[b, offset:offset + length] = vectors[row]
                row += 1
        return out

    def rotate_head(self, x, text, image, spans_per_branch):
        """Text rows by the 1-D table, patches by the 3-D one, the time token not at all; x (B, H, S, 64)."""
        out = tm.rotate_halves(x, *text)
        for b, spans in enumerate(spans_per_branch):
            for offset, length in spans:
                out[b, :, offset] = x[b, :, offset]
                at = slice(offset + 1, offset + length)
                out[b, :, at] = tm.rotate_pairs(x[b, :, at], *image)
        return out

    def head(self, x, te, mask, spans_per_branch, height, width):
        c, w, spans = self.c, self.w, spans_per_branch
        text = tuple(t.to(self.dtype) for t in tm.head_text_table(c, torch.arange(x.shape[1], device=self.device)))
        image = tuple(t.to(self.dtype) for t in tm.image_table(c, height, width, self.device))
        silu = F.silu(te)
        for i in range(c.head.layers):
            p = f"diffusion_head_a.{i}."
            six = F.linear(silu, w[p + "adaLN_modulation.1.weight"], w[p + "adaLN_modulation.1.bias"]).chunk(6, dim=1)
            shift, scale, gate, shift2, scale2, gate2 = (
                self.spread(v, x.shape, spans, fill) for v, fill in zip(six, (0.0, 0.0, 1.0) * 2))
            h = tm.modulate(tm.rms_norm(x, w[p + "input_layernorm.weight"], c.head.norm_eps), shift, scale)
            q, k, v = self.project(h, p + "self_attn.", c.head.heads, c.head.kv_heads, c.flow_dim, bias=False)
            q = self.rotate_head(tm.rms_norm(q, w[p + "self_attn.q_norm.weight"], c.head.qk_eps), text, image, spans)
            k = self.rotate_head(tm.rms_norm(k, w[p + "self_attn.k_norm.weight"], c.head.qk_eps), text, image, spans)
            x = x + gate * F.linear(self.attend(q, k, v, mask), w[p + "self_attn.o_proj.weight"])
            h = tm.modulate(tm.rms_norm(x, w[p + "post_attention_layernorm.weight"], c.head.norm_eps), shift2, scale2)
            x = x + gate2 * self.mlp(h, p + "mlp.")
        p = "diffusion_head_b."
        two = F.linear(silu, w[p + "adaLN_modulation.1.weight"], w[p + "adaLN_modulation.1.bias"]).chunk(2, dim=1)
        shift, scale = (self.spread(v, x.shape, spans, 0.0) for v in two)
        x = tm.modulate(tm.rms_norm(x, w[p + "norm_final.weight"], c.head.final_eps), shift, scale)
        return F.linear(x, w[p + "linear.weight"], w[p + "linear.bias"])

    def forward(self, tokens, images, t, spans_per_branch, mask, clean=None):
        """tokens (B, S); images (B*J, 3, H, W) and t (B*J), branch by branch; returns x0 per image, float32.
        clean: (B, N, D) embeddings that replace the N tokens before the first span's boi (reconstruct)."""
        c, w = self.c, self.w
        height, width = images.shape[-2:]
        x = F.embedding(tokens, w["tuna.model.embed_tokens.weight"])
        if clean is not None:
            for b, spans in enumerate(spans_per_branch):
                end = spans[0][0] - 1
                x[b, end - clean.shape[1]:end] = clean[b]
        patches, te = self.embed_images(images), tm.time_embedding(w, t, self.dtype)
        row = 0
        for b, spans in enumerate(spans_per_branch):
            for offset, length in spans:
                x[b, offset] = te[row]
                x[b, offset + 1:offset + length] = patches[row]
                row += 1
        x = self.llm(x, mask)
        self.logits = F.linear(x, w["tuna.lm_head.weight"])     # computed and dropped, as released
        x = self.head(x, te, mask, spans_per_branch, height, width)
        rows = [x[b, o + 1:o + n] for b, spans in enumerate(spans_per_branch) for o, n in spans]
        return tm.raster(torch.stack(rows), height, width).float()

    # One denoising problem: see problem.py for the fields.

    def prepare(self, problem):
        self.p = problem
        length = max(problem.padded, max(len(b.tokens) + problem.span for b in problem.branches))
        self.spans = [b.spans + [(len(b.tokens), problem.span)] for b in problem.branches]
        filler = [0] * length
        self.tokens = torch.tensor([(b.tokens + filler)[:length] for b in problem.branches], device=self.device)
        self.attention_mask = self.mask(length, self.spans)
        self.clean = None
        if problem.clean is not None:
            self.clean = self.embed_images(problem.clean.to(self.device)[None]).expand(len(problem.branches), -1, -1)

    def predict(self, z, t):
        """z (3, H, W) float32 -> x0 of every branch (B, 3, H, W)."""
        images, times = [], []
        for branch in self.p.branches:
            images += [s.to(self.device) for s in branch.sources] + [z]
            times += [1.0] * len(branch.sources) + [t]
        x0 = self.forward(self.tokens, torch.stack(images), torch.tensor(times, device=self.device), self.spans,
                          self.attention_mask, self.clean)
        per = len(x0) // len(self.p.branches)
        return x0[per - 1::per]

    def sample(self, z, times, guidance):
        for t, t_next in zip(times, times[1:]):
            x0 = self.predict(z, t)
            guided = x0[1] + guidance * (x0[0] - x0[1])
            z = tm.euler(z, guided, t, t_next)
        return z

    def answer(self, problem, count):
        """Greedy decoding: the prompt with a dense mask and lm_head on all of it, then one token at a time with a
        cache that grows by concatenation and a mask row of zeros."""
        w, branch = self.w, problem.branches[0]
        x = F.embedding(torch.tensor([branch.tokens], device=self.device), w["tuna.model.embed_tokens.weight"])
        te = tm.time_embedding(w, torch.ones(1, device=self.device), self.dtype)
        offset, length = branch.spans[0]
        x[0, offset] = te[0]
        x[0, offset + 1:offset + length] = self.embed_images(branch.sources[0].to(self.device)[None])[0]
        mask, cache, ids, position = self.mask(x.shape[1], [branch.spans]), [], [], 0
        for i in range(count):
            h = self.llm(x, mask, cache, position)
            self.logits = F.linear(h, w["tuna.lm_head.weight"])
            position += x.shape[1]
            token = self.logits[0, -1].argmax()
            ids.append(int(token))          # the released loop reads every token back to test for the end
            x = F.embedding(token.view(1, 1), w["tuna.model.embed_tokens.weight"])
            mask = torch.zeros(1, 1, 1, position + 1, dtype=self.dtype, device=self.device)
        return ids
