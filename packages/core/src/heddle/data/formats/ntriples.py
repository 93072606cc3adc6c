"""parse_ntriples: RDF 1.1 N-Triples, https://www.w3.org/TR/n-triples/, a line at a time."""

import re
from typing import NamedTuple

from heddle.data.formats.text_files import fail

_IRI = r'<[^\s<>":]+:[^\s<>"]*>'
_BLANK = r'_:[^\s<>".]+(?:\.+[^\s<>".]+)*'
_LITERAL = rf'"[^"\\]*(?:\\.[^"\\]*)*"(?:\^\^{_IRI}|@[A-Za-z]+(?:-[A-Za-z0-9]+)*)?'
_TRIPLE = re.compile(
    rf"[ \t]*({_IRI}|{_BLANK})[ \t]*({_IRI})[ \t]*({_IRI}|{_BLANK}|{_LITERAL})[ \t]*\.[ \t]*(?:#.*)?",
    re.DOTALL,
)
_IGNORED = re.compile(r"[ \t]*(?:#.*)?", re.DOTALL)
_ESCAPE = re.compile(r"""\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([tbnrf"'\\])|(.?))""", re.DOTALL)
_CHARACTERS = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}


class Triples(NamedTuple):
    """Terms, in order of the lines: `<iri>`, `_:label`, or `"text"` with `@language` or `^^<iri>`, unescaped."""

    subjects: list[str]
    predicates: list[str]
    objects: list[str]


def parse_ntriples(text: str, where: str = "N-Triples") -> Triples:
    """Return the triples of a document; comments and blank lines give none. Repetitions are kept.

    Equal terms are equal strings: escapes are resolved and language tags are in lower case. As in rdflib,
    `"a"` and `"a"^^xsd:string` are two terms, and IRIs are checked only for a scheme and forbidden spaces.

    Raises:
        DataError: names the line that is no triple, or the escape that is none.

    >>> parse_ntriples('<http://a> <http://p> "caf\\\\u00e9"@EN . # comment').objects
    ['"café"@en']
    """
    triples = Triples([], [], [])
    for number, line in enumerate(text.replace("\r", "\n").split("\n"), 1):
        match = _TRIPLE.fullmatch(line)
        if match is None:
            if _IGNORED.fullmatch(line):
                continue
            actual = repr(line if len(line) < 100 else line[:97] + "...")
            fail(f"{where}: line {number}", actual, "<subject> <predicate> object .")
        terms = match.groups()
        for column, term in zip(triples, terms):
            column.append(_canonical(term, f"{where}: line {number}"))
    return triples


def _canonical(term: str, where: str) -> str:
    """Return the term with escapes resolved and its language tag in lower case."""
    if term[0] == '"' and term[-1] not in '">':
        end = term.rindex("@")
        term = term[:end] + term[end:].lower()
    if "\\" not in term:
        return term
    return _ESCAPE.sub(lambda match: _character(match, where), term)


def _character(match: re.Match[str], where: str) -> str:
    code = match[1] or match[2]
    if code:
        point = int(code, 16)
        if point > 0x10FFFF or 0xD800 <= point < 0xE000:
            fail(where, f"the escape {match[0]!r}", "a Unicode character")
        return chr(point)
    if not match[3]:
        fail(where, f"the escape {match[0]!r}", r"\t \b \n \r \f \" \' \\ \uXXXX or \UXXXXXXXX")
    return _CHARACTERS[match[3]]
