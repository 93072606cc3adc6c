"""The library itself: its version, errors, instruction set and threads."""

from heddle_kernels.calls.describe import Function, sizes, typed

FUNCTIONS = (
    Function(
        "heddle_abi_version",
        "Version of this interface; a caller written for another one must not go on.",
        (),
        "int",
    ),
    Function("heddle_last_error", "Message of this thread's last status other than 0.", (), "const char*"),
    Function(
        "heddle_isa", 'Name of the instruction set in use: "base", "avx2" or "avx512".', (), "const char*"
    ),
    Function(
        "heddle_set_isa",
        "Use another instruction set, for tests; HEDDLE_INVALID where this processor lacks it.",
        typed("const char*", "name"),
    ),
    Function("heddle_num_threads", "Threads that a call uses that doesn't say.", (), "int"),
    Function("heddle_set_num_threads", "Set them; 0 for one per processor.", sizes("threads")),
)

ON_DEVICE = (
    Function("heddle_cuda_abi_version", "Version of this interface.", (), "int"),
    Function(
        "heddle_cuda_last_error", "Message of this thread's last status other than 0.", (), "const char*"
    ),
    Function(
        "heddle_cuda_targets",
        'What the library holds machine code for, e.g. "sm_80 sm_90 sm_90a compute_90".',
        (),
        "const char*",
    ),
)
