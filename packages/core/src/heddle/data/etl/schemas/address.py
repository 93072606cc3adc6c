"""Address: where a database is. Whatever shows or saves it gets it without passwords."""

import os
import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from heddle.errors import ConfigError, problem

SCHEMES = ("sqlite", "postgresql", "postgres")
HARMLESS = ("host", "port", "user", "dbname", "sslmode", "connect_timeout", "application_name", "service")
"""Options whose values a message may hold."""
VARIABLE = re.compile(r"^\$\{?([A-Za-z_]\w*)\}?$")


class Address:
    """sqlite:///FILE or postgresql://USER@HOST/NAME, or $NAME for the environment variable that holds one.

    `str` gives it without its password and its options; `$NAME` stays as it is.
    """

    def __init__(self, text: str, where: str = "databases"):
        """Raises ConfigError: neither an address of a known database nor a variable."""
        self._text, self.where = text, where
        if VARIABLE.match(text) is None:
            _check(text, where)

    def __str__(self) -> str:
        return self._text if VARIABLE.match(self._text) else _public(self._text)

    def __repr__(self) -> str:
        return repr(str(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def whole(self, environment: Mapping[str, str] = os.environ) -> str:
        """Return the address with its secrets, for a driver alone.

        Raises:
            ConfigError: the environment variable isn't set, or holds something else.
        """
        variable = VARIABLE.match(self._text)
        if variable is None:
            return self._text
        name = variable[1]
        if not environment.get(name):
            do = f"set it, as in export {name}=postgresql://..."
            raise ConfigError(problem(self.where, f"no environment variable {name}", "an address in it", do))
        _check(environment[name], f"{self.where}: {name}")
        return environment[name]

    def shown(self) -> str:
        """Return the address as messages name it: that of the variable too, without secrets."""
        return _public(self.whole())

    def clean(self, message: object) -> str:
        """Return a driver's message on one line, without what is secret in the address."""
        whole = self.whole()
        parts = urlsplit(whole)
        text = str(message).replace(whole, _public(whole))
        pairs = [pair.partition("=") for pair in parts.query.split("&")]
        secrets = {parts.password or "", parts.query}
        secrets |= {value for key, _, value in pairs if key not in HARMLESS}
        for secret in sorted(secrets | {unquote(each) for each in secrets}, key=len, reverse=True):
            if secret:
                text = text.replace(secret, "***")
        return " ".join(text.split())[:300]


def _check(text: str, where: str) -> None:
    """Check an address without telling what it is: it may hold a password."""
    scheme = text.partition("://")[0] if "://" in text else ""
    expected = "sqlite:///FILE, postgresql://USER@HOST/NAME or $NAME of an environment variable"
    if scheme not in SCHEMES:
        actual = f"{scheme}://..." if re.fullmatch(r"[a-z][a-z0-9+]{0,30}", scheme) else "another text"
        raise ConfigError(problem(where, actual, expected, "write one of them"))
    try:
        urlsplit(text).port  # noqa: B018  it raises where the address is none
    except ValueError:
        raise ConfigError(problem(where, f"{scheme}:// with no such port", expected, "fix it")) from None


def _public(text: str) -> str:
    """Return an address without password and options."""
    parts = urlsplit(text)
    if parts.scheme == "sqlite":
        return text
    user = f"{parts.username}@" if parts.username else ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{user}{host}{parts.path}"
