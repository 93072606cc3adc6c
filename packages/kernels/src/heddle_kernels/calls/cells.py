"""Steps of recurrent cells with their matrix products, forward and backward."""

from heddle_kernels.calls.describe import Op, Operator, inputs, outputs, sizes, typed

_PRODUCTS = typed("const void* const*", "terms matrices") + typed("const int64_t*", "widths") + sizes("count")
_GRADIENTS = outputs("grad_base? grad_bias?") + typed("void* const*", "grad_terms grad_matrices")
_BASE = inputs("base") + sizes("shared") + _PRODUCTS
_END = sizes("rows hidden dtype threads")


def _operators(name: str) -> tuple[Operator, Operator]:
    """Return a step's operator and that of its gradient."""
    lists = "Tensor[] terms, Tensor[] matrices"
    return (
        Operator(name, f"Tensor base, Tensor?[] states, {lists}", "Tensor[]"),
        Operator(
            f"{name}_grad",
            f"Tensor?[] states, Tensor[] kept, Tensor?[] grads, {lists}, bool shared, bool[] wanted",
            "Tensor[]",
        ),
    )


OPS = (
    Op(
        "lstm_step",
        """An LSTM of the gates i, f, c, o, with peephole [3, hidden] for i, f, o or NULL, and cell [rows, hidden]
    or NULL for 0: i, f = s(. + p cell), new_cell = f cell + i tanh(.), o = s(. + p new_cell), h = o
    tanh(new_cell).""",
        _BASE + inputs("cell? peephole?") + outputs("gates new_cell h") + _END,
        operators=_operators("lstm_step"),
    ),
    Op(
        "lstm_step_grad",
        "From grad_h and grad_new_cell, either NULL for 0. grad_cell and grad_peephole may be NULL.",
        inputs("gates cell? new_cell peephole? grad_h? grad_new_cell?")
        + _PRODUCTS
        + _GRADIENTS
        + outputs("grad_cell? grad_peephole?")
        + _END,
    ),
    Op(
        "gru_gates",
        "The gates r, z = s(.) of a GRU, and reset = r h. h and reset are NULL for a state of 0.",
        _BASE + inputs("h?") + outputs("gates reset?") + _END,
        operators=_operators("gru_gates"),
    ),
    Op(
        "gru_gates_grad",
        "From grad_reset and grad_z, either NULL for 0. grad_h may be NULL.",
        inputs("gates h? grad_reset? grad_z?") + _PRODUCTS + _GRADIENTS + outputs("grad_h?") + _END,
    ),
    Op(
        "gru_output",
        """The state of a GRU after them: out = z h + (1 - z) c with c = tanh(.), kept in `candidate`. Rows of z are
    z_stride elements apart; h NULL is 0.""",
        _BASE + inputs("z") + sizes("z_stride") + inputs("h?") + outputs("candidate out") + _END,
        operators=_operators("gru_output"),
    ),
    Op(
        "gru_output_grad",
        "From grad_out. grad_z [rows, hidden] and grad_h may be NULL.",
        inputs("candidate z")
        + sizes("z_stride")
        + inputs("h? grad_out")
        + _PRODUCTS
        + _GRADIENTS
        + outputs("grad_z? grad_h?")
        + _END,
    ),
)
