"""What is printed from the tables: C headers, and the handlers by which XLA calls the ops."""

import re
import textwrap
from pathlib import Path

from heddle_kernels.calls.describe import Function, Handler, Op, Struct
from heddle_kernels.calls.tables import HANDLERS, HEADERS, Header

WIDTH = 128
_NOTE = "Printed by `python -m heddle_kernels.calls` from heddle_kernels/calls: edit it there."


def files() -> dict[str, str]:
    """Return every printed file's path below native/ and text."""
    texts = {header.path: header_text(header) for header in HEADERS}
    return texts | {"src/xla/arguments.hpp": arguments_text(), "src/xla/handlers.cpp": handlers_text()}


def write(native: Path) -> list[str]:
    """Write the files that differ below a folder and return their paths."""
    changed = []
    for path, text in files().items():
        if not (native / path).exists() or (native / path).read_text() != text:
            (native / path).write_text(text)
            changed.append(path)
    return changed


def header_text(header: Header) -> str:
    """Return the text of a header."""
    parts = [
        f"{_comment(header.text)}\n//\n{_comment(_NOTE)}\n#ifndef {header.guard}\n#define {header.guard}",
        header.includes,
        '#if defined(__cplusplus)\nextern "C" {\n#endif',
        *([header.before] if header.before else []),
    ]
    for section in header.sections:
        if section.heading:
            parts.append(f"// --- {section.heading} ---")
        parts += map(_struct, section.structs)
        parts += [section.text] if section.text else []
        parts += map(_declaration, section.functions)
    parts.append("#if defined(__cplusplus)\n}\n#endif\n#endif")
    return "\n\n".join(parts) + "\n"


def arguments_text() -> str:
    """Return src/xla/arguments.hpp: the first arguments of every function that XLA calls, from a call's frame."""
    head = f"""// The operands of custom calls as arguments of the C functions: those that both libraries' begin with.
// Absent operands and unwanted results are of size 0, as attributes say.
//
{_comment(_NOTE)}
#pragma once
#include <tuple>

#include "call.hpp"

namespace heddle {{

inline constexpr void* NOTHING = nullptr;

// function(*arguments, more...).
template <class F, class... A, class... More>
int call_with(F* function, const std::tuple<A...>& arguments, More... more) {{
  return std::apply(function, std::tuple_cat(arguments, std::make_tuple(more...)));
}}
"""
    bodies = [_arguments(name, op, handler) for name, (op, handler) in HANDLERS.items()]
    return "\n".join([head, *bodies, "}  // namespace heddle\n"])


def handlers_text() -> str:
    """Return src/xla/handlers.cpp: the handlers on CPUs."""
    head = f"// XLA handlers of the ops on CPUs.\n//\n{_comment(_NOTE)}\n"
    head += '#include "arguments.hpp"\n\nusing namespace heddle;\n\nnamespace {\nconstexpr int64_t THREADS = 0;\n}\n'
    bodies = []
    for name, (op, handler) in HANDLERS.items():
        if "cpu" in handler.devices:
            call = f"call_with(heddle_{op.name}, {name}_arguments(call), THREADS)"
            lambda_ = f"[](const Call& call) {{ return {call}; }}"
            bodies.append(
                f"HEDDLE_XLA_HANDLER(heddle_xla_{name}) {{\n  return answer(frame, {lambda_});\n}}\n"
            )
    return "\n".join([head, *bodies])


def _arguments(name: str, op: Op, handler: Handler) -> str:
    """Return the C++ function that finds an op's arguments in a call."""
    operands, results = list(handler.given), list(handler.wanted)
    attributes = [*handler.attributes.split(), *handler.flags]
    first = op.cuda.arguments if op.cuda and "cpu" not in handler.devices else ()
    given = first or tuple(each for each in op.arguments if each.name != "threads")
    arguments = ", ".join(_expression(each.name, handler, attributes) for each in given)
    used = set(re.findall(r"\w+", arguments))
    said = (
        f"{', '.join(operands)} -> {', '.join(results)}{'; ' + ', '.join(attributes) if attributes else ''}"
    )
    lines = [f"// {line}" for line in textwrap.wrap(said, WIDTH - 3)]
    lines.append(f"inline auto {name}_arguments(const Call& call) {{")
    buffers = [f"&{each} = call.in({i})" for i, each in enumerate(operands) if each in used]
    buffers += [f"&{each} = call.out({i})" for i, each in enumerate(results) if each in used]
    lines.append(_wrapped("  const XLA_FFI_Buffer ", f"{', '.join(buffers)};"))
    numbers = [f'{each} = call.attribute("{each}")' for each in attributes if each in used]
    if numbers:
        lines.append(_wrapped("  const int64_t ", f"{', '.join(numbers)};"))
    lines.append(_wrapped("  return std::make_tuple(", f"{arguments});"))
    return "\n".join([*lines, "}\n"])


def _expression(name: str, handler: Handler, attributes: list[str]) -> str:
    """Return the C++ expression of an argument."""
    flags = handler.given | handler.wanted
    if name in handler.expressions:
        return handler.expressions[name]
    if name in flags:
        return f"{flags[name]} ? {name}.data : NOTHING" if flags[name] else f"{name}.data"
    if name in attributes:
        return name
    raise ValueError(
        f"calls: found nothing for argument {name!r}, expected an operand, attribute or expression"
    )


def _declaration(function: Function) -> str:
    result = "int" if function.returns == "status" else function.returns
    given = ", ".join(f"{each.type} {each.name}" for each in function.arguments) or "void"
    text = _wrapped(f"HEDDLE_API {result} {function.name}(", f"{given});")
    return f"{_comment(function.doc)}\n{text}" if function.doc else text


def _struct(struct: Struct) -> str:
    lines = []
    for name, type, comment in struct.fields:
        line = f"  {type} {name};"
        if not comment:
            lines.append(line)
            continue
        start = f"{line:<27} // "
        wrapped = textwrap.wrap(comment, WIDTH - len(start))
        lines.append(start + wrapped[0])
        lines += [" " * len(f"{line:<27} ") + f"// {more}" for more in wrapped[1:]]
    return f"{_comment(struct.doc)}\nstruct {struct.name} {{\n" + "\n".join(lines) + "\n};"


def _comment(text: str) -> str:
    lines = text.split("\n")
    indent = "    " if all(line.startswith("    ") for line in lines[1:] if line) else ""
    return "\n".join(f"// {line.removeprefix(indent)}".rstrip() for line in lines)


def _wrapped(start: str, rest: str) -> str:
    """Return both in lines of at most `WIDTH`, later ones below the end of `start`; breaks come after commas."""
    indent = len(start) if len(start) < 60 else 6
    lines, line = [], start
    for piece in re.split(r"(?<=, )", rest):
        if len(line) + len(piece.rstrip()) > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = " " * indent
        line += piece
    return "\n".join([*lines, line])
