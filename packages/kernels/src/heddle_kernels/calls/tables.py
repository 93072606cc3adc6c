"""The C headers of native/, each with what it declares."""

from collections.abc import Sequence
from typing import NamedTuple

from heddle_kernels.calls import cells, live, matmul, relational, sampling, segments, settings, sparse
from heddle_kernels.calls.describe import Function, Op, Operator, Struct


class Section(NamedTuple):
    """A part of a header: a heading, text of its own, and what it declares."""

    heading: str = ""
    text: str = ""
    structs: Sequence[Struct] = ()
    functions: Sequence[Function] = ()


class Header(NamedTuple):
    """One header.

    Attributes:
        path: below native/.
        guard: the macro that includes it once.
        text: comment at its head.
        before: lines before its declarations.
        includes: the headers that it includes.
        sections: what it declares.
    """

    path: str
    guard: str
    text: str
    includes: str
    before: str
    sections: Sequence[Section]

    @property
    def functions(self) -> list[Function]:
        """All functions that it declares."""
        return [function for section in self.sections for function in section.functions]


def _on_cpu(ops: Sequence[Op]) -> list[Function]:
    return [op.function for op in ops]


def _on_device(ops: Sequence[Op]) -> list[Function]:
    return [function for op in ops for function in op.on_device()]


_AS_IN = "Conventions as in heddle_kernels.h"

KERNELS = Header(
    "include/heddle_kernels.h",
    "HEDDLE_KERNELS_H",
    """The C interface of heddle-kernels: every exported function, and nothing else is exported.

Conventions
  - Each function returns HEDDLE_OK or a status, whose message heddle_last_error() returns (one per thread).
  - Arrays are dense, row-major and aligned to their elements; `out` never overlaps an input.
  - `index` is the type of all ids, positions and row pointers of a call; `dtype` that of all values.
    bfloat16 and float16 are accumulated in float32.
  - A CSR walk is (indptr [rows + 1], ids [edges], perm [edges]): row r owns the positions j of indptr[r] to
    indptr[r + 1]; ids[j] is the row at the edge's other end, perm[j] the edge's place in per-edge arrays.
    ids = NULL stands for 0 to edges - 1 and perm = NULL for j itself.
  - Ids are checked here: one out of range gives HEDDLE_RANGE and never a read outside an array.
  - Every argument is eight bytes wide, so that a caller by ctypes can pass all alike.
  - threads: most threads to use, the caller included; 0 for the library's own setting. -n: n threads of the OpenMP
    runtime that the process has loaded, as torch does, or of the library's own if there is none.
  - An empty row gives 0, in a max too. NaN propagates. Ties of a max are the caller's to share.""",
    "#include <stdint.h>",
    """#define HEDDLE_API __attribute__((visibility("default")))

enum heddle_status { HEDDLE_OK = 0, HEDDLE_INVALID = 1, HEDDLE_RANGE = 2, HEDDLE_MEMORY = 3 };
enum heddle_dtype { HEDDLE_FLOAT32 = 0, HEDDLE_FLOAT64 = 1, HEDDLE_BFLOAT16 = 2, HEDDLE_FLOAT16 = 3 };
enum heddle_index { HEDDLE_INT32 = 0, HEDDLE_INT64 = 1 };
enum heddle_reduce { HEDDLE_SUM = 0, HEDDLE_MEAN = 1, HEDDLE_MAX = 2 };
enum heddle_combine { HEDDLE_DOT = 0, HEDDLE_ADD = 1 };""",
    (
        Section("the library itself", functions=settings.FUNCTIONS),
        Section("sparse aggregation", functions=_on_cpu(sparse.OPS)),
        Section("segments and rows", functions=_on_cpu(segments.OPS)),
        Section("grouped matrix products", functions=_on_cpu(matmul.OPS)),
    ),
)

CELL = Header(
    "include/heddle_cell.h",
    "HEDDLE_CELL_H",
    f"""Steps of recurrent cells with their matrix products, forward and backward. {_AS_IN}; dtype
is float32 or float64.

Every step starts with gates = base + sum over k < count of terms[k] matrices[k]: terms[k] [rows, widths[k]],
matrices[k] [widths[k], gates * hidden], base [rows, gates * hidden], or [gates * hidden] for all rows if `shared`.
`gates` then becomes what the gates let through, which the gradient reads; it may be the memory of base.

A gradient gives grad_base [rows, gates * hidden], grad_bias [gates * hidden] (its sum over rows), grad_terms[k] and
grad_matrices[k] of the shapes above; any of them may be NULL, where nothing asks for it. Sums over rows don't depend
on the number of threads.""",
    '#include "heddle_kernels.h"',
    "",
    (Section(functions=_on_cpu(cells.OPS)),),
)

RELATIONAL = Header(
    "include/heddle_relational.h",
    "HEDDLE_RELATIONAL_H",
    f"""Sums over relations, fused: y[t] = x[t] root[t] + bias[t] + sum over relations r into t of A_r x[s] W_r, and its
gradient. The structure is that of heddle/ops/relational/bundle.py.

{_AS_IN}, with values in float32 or float64 only. Results don't depend on the number of
threads.""",
    '#include "heddle_kernels.h"',
    "",
    (Section(structs=relational.STRUCTS, functions=_on_cpu(relational.OPS)),),
)

SAMPLING = Header(
    "include/heddle_sampling.h",
    "HEDDLE_SAMPLING_H",
    f"""Neighbour sampling as core defines it (heddle/sampling): the same samples, bit for bit, on any number of
threads.

{_AS_IN}. Node types and relations go by their place in the graph.""",
    '#include "heddle_kernels.h"',
    "",
    (
        Section(structs=sampling.STRUCTS),
        Section(
            text="""// A graph, checked once: row pointers rise, ids are in range, weights are finite and not
// negative. Its arrays stay the caller's and must outlive it unchanged. Any number of threads may sample from it at
// a time.
typedef struct heddle_sample_graph heddle_sample_graph;""",
            functions=sampling.GRAPH,
        ),
        Section(
            text="""// A sample, and the memory that the next one will be drawn in: one thread's at a time.
typedef struct heddle_sample heddle_sample;""",
            functions=sampling.SAMPLE,
        ),
    ),
)

LIVE = Header(
    "include/heddle_live.h",
    "HEDDLE_LIVE_H",
    f"""A graph that grows while it is read: one thread appends, any number sample from what was published when they
began, without a lock.

{_AS_IN}. Node types and relations go by their place in the graph.""",
    '#include "heddle_sampling.h"',
    "typedef struct heddle_live heddle_live;",
    (Section(structs=live.STRUCTS, functions=live.FUNCTIONS),),
)

CUDA = Header(
    "cuda/heddle_cuda.h",
    "HEDDLE_CUDA_H",
    f"""The C interface of libheddle_kernels_cuda: heddle_kernels.h on a CUDA device.

{_AS_IN}, with these differences:
  - Array pointers are device memory; `stream` is a cudaStream_t. Calls queue work and return: no function reads device
    memory, allocates or waits, so that calls can be captured in a graph.
  - Ids lie on the device and can't be refused at the call. What is out of range is left out of the result, never
    read, and noted in `fault`: int64 [4] = (code, position, found, bound), all 0 at first, the first fault stays.
    NULL: not noted.
  - Alignment: any array may be aligned to its elements only; 16 bytes are faster.""",
    '#include "heddle_kernels.h"',
    """// How float32 products are computed: as such; as three products in TF32, which keeps float32's accuracy but
// not its last bits; or in TF32.
enum heddle_precision { HEDDLE_IEEE = 0, HEDDLE_3XTF32 = 1, HEDDLE_TF32 = 2 };
// What a product multiplies: lhs rhs, lhs rhs transposed, lhs transposed rhs.
enum heddle_mode { HEDDLE_FORWARD = 0, HEDDLE_TRANSPOSED = 1, HEDDLE_OUTER = 2 };
enum heddle_fault {
  HEDDLE_NO_FAULT = 0,
  HEDDLE_FAULT_ID = 1,      // an id at `position` is not in [0, bound)
  HEDDLE_FAULT_INDPTR = 2,  // a row pointer at `position` is not in [its predecessor, bound]
  HEDDLE_FAULT_SIZE = 3,    // a group's size at `position` is negative
  HEDDLE_FAULT_TOTAL = 4    // sizes sum to `found`, not to `bound` rows
};""",
    (
        Section(functions=settings.ON_DEVICE),
        Section("grouped matrix products", functions=[*matmul.ON_DEVICE, *_on_device(matmul.OPS)]),
        Section("sparse aggregation", functions=_on_device(sparse.OPS)),
        Section("segments and rows", functions=_on_device(segments.OPS)),
        Section(
            "neighbour sampling: one hop along one relation, in steps; core's draws, bit for bit (heddle/sampling)",
            functions=sampling.ON_DEVICE,
        ),
    ),
)

HEADERS = (KERNELS, CELL, RELATIONAL, SAMPLING, LIVE, CUDA)

OPS = (*sparse.OPS, *segments.OPS, *matmul.OPS, *cells.OPS, *relational.OPS)

ON_CPU = [function for header in HEADERS if header is not CUDA for function in header.functions]
"""Every function of libheddle_kernels."""

ON_DEVICE = CUDA.functions
"""Every function of libheddle_kernels_cuda."""

OPERATORS: dict[str, Operator] = {operator.name: operator for op in OPS for operator in op.operators}
"""Every operator of torch.library by name."""

HANDLERS = {handler.name or op.name: (op, handler) for op in OPS for handler in op.handlers}
"""Every handler that XLA calls, as heddle_xla_NAME, with its op."""


def handlers_on(device: str) -> list[str]:
    """Return the names of the handlers that a library exports: "cpu" or "cuda"."""
    return [f"heddle_xla_{name}" for name, (_, handler) in HANDLERS.items() if device in handler.devices]
