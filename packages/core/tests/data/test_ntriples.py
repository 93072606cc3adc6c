"""parse_ntriples against the grammar of https://www.w3.org/TR/n-triples/."""

import pytest

from heddle.data.formats.ntriples import parse_ntriples
from heddle.errors import DataError

S, P = "<http://s>", "<http://p>"

# object in the file -> the term it is
OBJECTS = {
    "<http://o>": "<http://o>",
    "<http://o#x?a=b&c=(d)>": "<http://o#x?a=b&c=(d)>",
    r"<http://o/\u00e9>": "<http://o/é>",
    "<urn:isbn:1>": "<urn:isbn:1>",
    "_:b": "_:b",
    "_:b1.2-x": "_:b1.2-x",
    '""': '""',
    '"plain"': '"plain"',
    '"with <angles> . and # hash"': '"with <angles> . and # hash"',
    r'"quoted \"word\""': '"quoted "word""',
    r'"back\\slash"': r'"back\slash"',
    r'"tab\tnew\nline\r\b\f"': '"tab\tnew\nline\r\b\f"',
    r'"\'"': '"\'"',
    r'"\u0041\U0001F600"': '"A😀"',
    '"café ☕"': '"café ☕"',
    '"line\u2028separator\x0b\x0c\x85"': '"line\u2028separator\x0b\x0c\x85"',
    '"tagged"@en': '"tagged"@en',
    '"tagged"@EN-gb': '"tagged"@en-gb',
    '"mail@home"': '"mail@home"',
    r'"ends \"@en"': '"ends "@en"',
    '"1"^^<http://www.w3.org/2001/XMLSchema#integer>': '"1"^^<http://www.w3.org/2001/XMLSchema#integer>',
}

NOT_TRIPLES = [
    f"{S} {P} .",
    f"{S} {P} <http://o>",
    f"{S} {P} <http://o> . more",
    f"{S} {P} <http://o> <http://g> .",
    f"{S} {P} plain .",
    f"{S} {P} 'single' .",
    f'{S} {P} "open .',
    f'{S} {P} "a" "b" .',
    f'{S} {P} "a"@ .',
    f'{S} {P} "a"^^plain .',
    f'{S} {P} "a\\" .',
    f'{S} "p" <http://o> .',
    f"{S} _:p <http://o> .",
    f'"s" {P} <http://o> .',
    f"<http://with space> {P} <http://o> .",
    f"<relative> {P} <http://o> .",
    f"<http://a<b> {P} <http://o> .",
    "@prefix a: <http://a> .",
    "word",
    ".",
    "\x00",
]


@pytest.mark.parametrize("written", OBJECTS)
def test_objects(written):
    assert parse_ntriples(f"{S} {P} {written} .\n").objects == [OBJECTS[written]]
    assert parse_ntriples(f"\t{S}{P}{written}.# comment").objects == [OBJECTS[written]]


def test_lines():
    """Comments and blank lines give nothing; lines end with LF, CR LF or CR; the last needs no end."""
    text = f"# comment\n\n  \t\n{S} {P} <http://1> .\r\n{S} {P} <http://2> . # two\r_:x {P} _:y ."
    triples = parse_ntriples(text)
    assert triples.subjects == [S, S, "_:x"] and triples.predicates == [P] * 3
    assert triples.objects == ["<http://1>", "<http://2>", "_:y"]
    assert parse_ntriples("") == ([], [], [])


def test_unlike_terms_stay_unlike():
    written = ['"a"', '"a"@en', '"a"^^<http://a>', "<http://a>", "_:a", r'"a\"@en"', r'"a\"^^<http://a>"']
    objects = parse_ntriples("".join(f"{S} {P} {term} .\n" for term in written)).objects
    assert len(set(objects)) == len(written)


@pytest.mark.parametrize("line", NOT_TRIPLES)
def test_no_triple(line):
    with pytest.raises(DataError, match=r"file\.nt: line 3: found .*, expected <subject> <predicate> object"):
        parse_ntriples(f"# one\n{S} {P} <http://o> .\n{line}\n", "file.nt")


@pytest.mark.parametrize(
    "escape", [r"\x41", r"\u12", r"\U0000004", r"\uD800", r"\U00110000", r"\a", r"\u004g"]
)
def test_no_escape(escape):
    with pytest.raises(DataError, match="line 1: found the escape"):
        parse_ntriples(f'{S} {P} "a{escape}" .')
