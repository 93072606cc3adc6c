"""page: the one page at /: HTML, style and script in one file; what it shows of a model it asks for by itself."""

import base64
import hashlib
from functools import cache
from importlib.resources import files


@cache
def page() -> bytes:
    """Return the page. Its policy lets it run its own script alone and ask its own server alone."""
    here = files("heddle.serving.online.page")
    text, style, script = (
        here.joinpath(f"page.{suffix}").read_text(encoding="utf-8") for suffix in ("html", "css", "js")
    )
    base = files("heddle.workflow.report").joinpath("style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    for mark, content in (("POLICY", policy), ("STYLE", base + style), ("SCRIPT", script)):
        text = text.replace(f"@{mark}@", content, 1)
    return text.encode()
