"""What cells mean, in plain Python, cell by cell: the truth that staging and both engines are compared with."""

import datetime as dt
import math
import re
from decimal import Decimal
from fractions import Fraction

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
DIGITS = set("0123456789")


class Refused(Exception):
    """A file or a cell that can't be read; `lines` are those where it may be reported."""

    def __init__(self, why, lines=()):
        super().__init__(why)
        self.why, self.lines = why, set(lines)


def records(data, table):
    """Return [(line, cells)] of the bytes of a CSV, its header first."""
    try:
        text = data.decode(table.encoding)
    except UnicodeDecodeError as error:
        raise Refused("encoding") from error
    text = text.removeprefix("\ufeff")
    actual, cells, cell, line, began = [], [], "", 1, 1
    state, quote = "start", table.quote  # start of a cell, plain, quoted, closed
    at, blank = 0, True
    while at < len(text):
        here = text[at]
        end = here in "\r\n"
        crlf = text[at : at + 2] == "\r\n"
        if state == "quoted":
            if here == quote:
                if text[at + 1 : at + 2] == quote:
                    cell, at = cell + quote, at + 1
                else:
                    state = "closed"
            else:
                if crlf:
                    cell, at = cell + "\r", at + 1
                    here = "\n"
                cell += here
                line += end
        elif end:
            cells.append(cell)
            actual.append((began, cells, blank))
            cells, cell, state, blank = [], "", "start", True
            line, began, at = line + 1, line + 1, at + crlf
        elif text.startswith(table.delimiter, at):
            cells.append(cell)
            cell, state, blank = "", "start", False
            at += len(table.delimiter) - 1
        elif here == quote:
            if state != "start":
                raise Refused("quote", [line])
            state, blank = "quoted", False
        elif state == "closed":
            raise Refused("quote", [line])
        else:
            cell, state, blank = cell + here, "plain", False
        at += 1
    if state == "quoted":
        raise Refused("unclosed", range(began, line + 1))
    if not blank:
        cells.append(cell)
        actual.append((began, cells, False))
    while actual and actual[0][2]:
        actual.pop(0)  # blank lines before the header
    if not actual:
        raise Refused("empty")
    one = len(actual[0][1]) == 1
    return [(begins, cells) for begins, cells, is_blank in actual if one or not is_blank]


def value(cell, column, table):
    """Return a text cell as int, float, text, or None if it is missing.

    Raises ValueError if it can't be read.
    """
    if cell == "" or cell in table.null:
        return None
    trimmed = cell.strip(" \t\u00a0")
    if column.type == "text":
        return cell
    if column.type == "datetime":
        return None if trimmed == "" else moment(trimmed, column.format)
    body = trimmed.lower().lstrip("+-") if trimmed[:2] not in ("+-", "-+", "--", "++") else trimmed
    if trimmed == "" or body in ("nan", "inf", "infinity"):
        return None
    if column.type == "money":
        return money(trimmed, table.decimal)
    if table.decimal == ",":
        trimmed = trimmed.replace(".", "?").replace(",", ".")
    if column.type == "int":
        return whole(trimmed)
    if column.type == "percent":
        if not trimmed.endswith("%"):
            raise ValueError(cell)
        return real(trimmed[:-1].removesuffix(" ")) / 100.0
    return real(trimmed)


def whole(text):
    """Return the int of a text."""
    head, _, tail = text.partition(".")
    digits = head[1:] if head[:1] in ("+", "-") else head
    if not digits or set(digits) - DIGITS or set(tail) - {"0"}:
        raise ValueError(text)
    number = int(head)
    if not -(2**63) <= number < 2**63:
        raise ValueError(text)
    return number


def real(text):
    """Return the float of a text."""
    if set(text) - DIGITS - set("+-.eE"):
        raise ValueError(text)
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number


def money(text, decimal):
    """Return the amount of a text."""
    negative = False
    if text.startswith("(") and text.endswith(")"):
        negative, text = True, text[1:-1]
        if text[:1] in "+-":
            raise ValueError(text)
    sign = text[:1] if text[:1] in ("+", "-") else ""
    if sign:
        text = text[1:].removeprefix(" ")
    elif text.startswith(" "):
        raise ValueError(text)
    named = False
    for mark in ("$", "€", "£", "¥", "₹"):
        if text.startswith(mark):
            text, named = text[1:].removeprefix(" "), True
    if not named and re.match("[A-Z]{3}", text[:3]):
        text, named = text[3:].removeprefix(" "), True
    elif not named and sign == "" and text.startswith(" "):
        raise ValueError(text)
    after = named and not sign and not negative and text[:1] in ("+", "-")
    if after:
        sign, text = text[0], text[1:]
    for mark in ("$", "€", "£", "¥", "₹"):
        if text.endswith(mark) and not after:
            text = text[:-1].removesuffix(" ")
            break
    else:
        if re.search("[A-Z]{3}$", text) and not after:
            text = text[:-3].removesuffix(" ")
    point, comma = (",", ".") if decimal == "," else (".", ",")
    head, _, tail = text.partition(point)
    groups = head.split(comma)
    if len(groups) > 1 and (not 1 <= len(groups[0]) <= 3 or any(len(group) != 3 for group in groups[1:])):
        raise ValueError(text)
    digits = "".join(groups)
    if set(digits + tail) - DIGITS or not digits + tail:
        raise ValueError(text)
    number = float(f"{digits}.{tail}0")
    return -number if negative or sign == "-" else number


def moment(text, form):
    """Return whole seconds since 1970, rounded down."""
    if form in ("%s", "ms", "us", "ns"):
        body = text.removeprefix("-")
        head, _, tail = body.partition(".")
        if not head or set(head + tail) - DIGITS or len(head) > 18:
            raise ValueError(text)
        exact = Fraction(Decimal(text if head else "0" + text))
        return math.floor(exact / {"%s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[form])
    if not text.isascii():
        raise ValueError(text)
    fraction = re.search(r"[.,](\d{1,9})(?=$|Z| ?[+-]\d\d(:?\d\d)?$)", text)
    if form == "iso":
        text = re.sub(r"(:\d\d([.,]\d{1,9})?)([+-]\d\d)$", r"\g<1>\g<3>00", text)
        clock, zone = r"[T ]\d{1,2}:\d\d(:\d\d([.,]\d{1,9})?)?", r" ?(Z|[+-]\d\d:?\d\d)"
        if not re.fullmatch(rf"\d{{4}}-\d{{1,2}}-\d{{1,2}}({clock})?({zone})?", text):
            raise ValueError(text)
        if fraction:
            text = text.replace(fraction[0], "")
        text = re.sub(r"T(?=\d)", " ", text).replace(" Z", "Z")
        text = re.sub(r" (?=[+-]\d\d:?\d\d$)", "", text)
        for part in ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"):
            for zone in ("", "%z"):
                try:
                    actual = dt.datetime.strptime(text, part + zone)
                except ValueError:
                    continue
                return _seconds(actual)
        raise ValueError(text)
    if "%f" in form:
        if not fraction:
            raise ValueError(text)
        text, form = text.replace(fraction[0], ""), form.replace(".%f", "")
    actual = dt.datetime.strptime(text, form)
    return _seconds(actual)


def _seconds(actual):
    actual = actual if actual.tzinfo else actual.replace(tzinfo=dt.UTC)
    return (actual - EPOCH) // dt.timedelta(seconds=1)


def rows(data, table):
    """Return the typed rows of a CSV as a table says, and what was kept out: (rows, empty, skipped, ragged)."""
    (_, names), *actual = records(data, table)
    names = [name.strip() for name in names]
    kept, empty, skipped, ragged, refused = [], {}, 0, 0, []
    for line, cells in actual:
        if len(cells) != len(names):
            ragged += 1
            refused.append(line)
            continue
        row, unread = {}, set()
        for name, column in table.columns.items():
            try:
                row[name] = value(cells[names.index(column.of[0])], column, table)
            except (ValueError, OverflowError):
                row[name] = None
                unread.add(column.of[0])
            if column.type == "text" and row[name] is None:
                row[name] = ""
        if unread:
            refused.append(line)
            if table.on_error == "skip":
                skipped += 1
                continue
            for name in unread:
                empty[name] = empty.get(name, 0) + 1
        kept.append(row)
    if refused and table.on_error == "fail":
        raise Refused("cells", refused)
    return kept, empty, skipped, ragged
