"""Independent references: the published equations on dense matrices, one node feature matrix at a time."""

import numpy as np
import torch

sigmoid, tanh = torch.sigmoid, torch.tanh


def gcn_matrix(a):
    """D^-1/2 (A + I) D^-1/2 with a[s, r] the weight of s -> r; no second loop for a node that has one."""
    a = a.clone()
    for k in range(len(a)):
        if a[k, k] == 0:
            a[k, k] = 1
    degree = a.sum(0)
    scale = torch.where(degree > 0, degree.clamp(min=1e-300) ** -0.5, torch.zeros_like(degree))
    return (scale[:, None] * a * scale[None, :]).T  # receives from senders


def cheb_matrices(a, order):
    degree = a.sum(0)
    scale = torch.where(degree > 0, degree.clamp(min=1e-300) ** -0.5, torch.zeros_like(degree))
    lap = -(scale[:, None] * a * scale[None, :]).T
    terms = [torch.eye(len(a), dtype=a.dtype), lap]
    while len(terms) < order:
        terms.append(2 * lap @ terms[-1] - terms[-2])
    return terms[:order]


def diffusion_matrices(a, steps):
    """I, P_o .. P_o^steps, P_i .. P_i^steps with P_o = D_O^-1 W, P_i = D_I^-1 W^T."""

    def walk(w):
        degree = w.sum(1, keepdim=True)
        return torch.where(degree > 0, w / degree.clamp(min=1e-300), torch.zeros_like(w))

    terms = [torch.eye(len(a), dtype=a.dtype)]
    for p in (walk(a), walk(a.T)):
        power = terms[0]
        for _ in range(steps):
            power = p @ power
            terms.append(power)
    return terms


def conv(matrices, weight, x):
    """sum over k of (S_k x) W_k; weight [in, out] or [k, in, out]."""
    weight = weight[None] if weight.ndim == 2 else weight
    return sum(s @ x @ w for s, w in zip(matrices, weight, strict=True))


def lstm(mats, p, x, h, c, peephole=True):
    def gate(name, cell=None):
        total = (
            conv(mats, p[f"x.{name}.weight"], x) + conv(mats, p[f"h.{name}.weight"], h) + p[f"bias.{name}"]
        )
        return total + p[f"peephole.{name}"] * cell if peephole and cell is not None else total

    i, f = sigmoid(gate("i", c)), sigmoid(gate("f", c))
    new = f * c + i * tanh(gate("c"))
    return sigmoid(gate("o", new)) * tanh(new), new


def gru(mats, p, x, h):
    def gate(name, memory):
        return (
            conv(mats, p[f"x.{name}.weight"], x)
            + conv(mats, p[f"h.{name}.weight"], memory)
            + p[f"bias.{name}"]
        )

    r, z = sigmoid(gate("r", h)), sigmoid(gate("z", h))
    return z * h + (1 - z) * tanh(gate("c", r * h))


def rnn(mats, p, x, h):
    return tanh(conv(mats, p["x.c.weight"], x) + conv(mats, p["h.c.weight"], h) + p["bias.c"])


def tgcn(mats, p, x, h):
    (s,) = mats
    f = sigmoid(s @ torch.relu(s @ x @ p["first.weight"]) @ p["second.weight"])

    def gate(name, memory):
        return torch.cat([f, memory], 1) @ p[f"weight.{name}"] + p[f"bias.{name}"]

    u, r = sigmoid(gate("u", h)), sigmoid(gate("r", h))
    return u * h + (1 - u) * tanh(gate("c", r * h))


def scoped(prefix, p):
    return {name[len(prefix) + 1 :]: value for name, value in p.items() if name.startswith(prefix + ".")}


def step(cell_type, mats, p, x, state):
    if cell_type == "lstm":
        return lstm(mats, p, x, *state)
    if cell_type == "lstm_plain":
        return lstm(mats, p, x, *state, peephole=False)
    return ({"gru": gru, "rnn": rnn, "tgcn": tgcn}[cell_type](mats, p, x, state[0]),)


def zeros(cell_type, n, hidden, like):
    return tuple(like.new_zeros(n, hidden) for _ in range(2 if cell_type.startswith("lstm") else 1))


def encode(cell_type, mats_at, p, xs, layers, hidden):
    states = [zeros(cell_type, len(xs[0]), hidden, xs[0]) for _ in range(layers)]
    tops = []
    for t, x in enumerate(xs):
        for layer in range(layers):
            states[layer] = step(cell_type, mats_at(t), scoped(f"encoder.{layer}", p), x, states[layer])
            x = states[layer][0]
        tops.append(x)
    return tops, states


def seq2seq(cell_type, mats_at, p, signal, start, length, horizon, layers, hidden, out_dim, fed=None):
    """[horizon, n_nodes, out_dim] of one window."""
    _, states = encode(cell_type, mats_at, p, signal[start : start + length], layers, hidden)
    y, outputs = signal.new_zeros(signal.shape[1], out_dim), []
    for t in range(horizon):
        x = y
        for layer in range(layers):
            layer_params = scoped(f"decoder.{layer}", p)
            states[layer] = step(cell_type, mats_at(length + t), layer_params, x, states[layer])
            x = states[layer][0]
        y = x @ p["out.weight"] + p["out.bias"]
        outputs.append(y)
        if fed is not None and fed[t] and t + 1 < horizon:
            y = signal[start + length + t, :, :out_dim]
    return torch.stack(outputs)


def head(p, h, horizon, out_dim):
    return (h @ p["out.weight"] + p["out.bias"]).reshape(len(h), horizon, out_dim).transpose(0, 1)


def a3tgcn(mats_at, p, signal, start, length, horizon, hidden, out_dim):
    tops, _ = encode("tgcn", mats_at, p, signal[start : start + length], 1, hidden)
    scores = [
        (h @ p["attention.weight1"] + p["attention.bias1"]) @ p["attention.weight2"] + p["attention.bias2"]
        for h in tops
    ]
    shares = torch.softmax(torch.cat(scores, 1), 1)
    context = sum(shares[:, t : t + 1] * h for t, h in enumerate(tops))
    return head(p, context, horizon, out_dim)


def evolve(version, mats_at, p, signal, start, length, horizon, layers, out_dim):
    weights = [p[f"layers.{k}.weight"] for k in range(layers)]
    cells = [torch.zeros_like(w) for w in weights]
    for t in range(length):
        x = signal[start + t]
        for k in range(layers):
            q = scoped(f"layers.{k}", p)
            w = weights[k]
            if version == "O":
                f, i, o = (sigmoid(q[f"w.{g}"] @ w + q[f"u.{g}"] @ w + q[f"b.{g}"]) for g in "fio")
                cells[k] = f * cells[k] + i * tanh(q["w.c"] @ w + q["u.c"] @ w + q["b.c"])
                weights[k] = o * tanh(cells[k])
            else:
                score = x @ q["p"] / torch.sqrt((q["p"] ** 2).sum())
                rows = sorted(range(len(x)), key=lambda n: -score[n].item())[: w.shape[1]]
                z_t = torch.stack([x[n] * tanh(score[n]) for n in rows]).T
                z, r = (sigmoid(q[f"w.{g}"] @ z_t + q[f"u.{g}"] @ w + q[f"b.{g}"]) for g in "zr")
                new = tanh(q["w.h"] @ z_t + q["u.h"] @ (r * w) + q["b.h"])
                weights[k] = (1 - z) * w + z * new
            x = torch.relu(mats_at(t)[0] @ x @ weights[k])
    return head(p, x, horizon, out_dim)


def random_signal(seed=0, n=7, times=14, features=2, density=0.35):
    """(graph arrays senders, receivers, weight; dense a[s, r]; signal [times, n, features]) in float64."""
    rng = np.random.default_rng(seed)
    a = rng.uniform(0.2, 1.0, (n, n)) * (rng.random((n, n)) < density)
    a[:, n - 1] = a[n - 1, :] = 0  # a node without any edge
    senders, receivers = np.nonzero(a)
    order = rng.permutation(len(senders))
    senders, receivers = senders[order], receivers[order]
    return senders, receivers, a[senders, receivers], a, rng.standard_normal((times, n, features))
