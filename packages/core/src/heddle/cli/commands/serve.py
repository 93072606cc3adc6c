"""`heddle serve`: a server of an exported run, which scores raw rows and appends them."""

import logging
from collections.abc import Sequence
from pathlib import Path

from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError, nearest, problem

HELP = """\
Usage: heddle serve run=RUN | bundle=FOLDER [serve.KEY=VALUE ...]

Answers by what heddle deploy export wrote, RUN/bundle or the named folder, on 127.0.0.1 until it is interrupted:

  heddle deploy export run=runs/mine
  heddle serve run=runs/mine serve.port=8000
  curl 127.0.0.1:8000/v2/score -d '{"rows": [{"card": "17", "amount": "$3.50"}], "append": true}'

POST /v2/score scores rows, /v2/rows/TABLE appends them, /v2/models/model/infer speaks the Open Inference Protocol, the
only way to ask a run without tables, by ids of nodes, and so does serve.grpc_port; GET /metrics, /v2/health/ready,
/v2/card, /v2/drift (what was asked against training), and a page at /.

"""


def run(arguments: Sequence[str]) -> int:
    """Serve; return 0.

    Raises:
        ConfigError: an argument that isn't KEY=VALUE, an unknown key, or neither a run nor a bundle.
    """
    from functools import partial

    from heddle.serving.online.options import serve_options

    given: dict[str, str] = {}
    settings = []
    for word in arguments:
        key, equals, value = word.partition("=")
        if not equals:
            do = "write heddle deploy export run=RUN" if word == "export" else "see heddle serve --help"
            raise ConfigError(problem("heddle serve", repr(word), "KEY=VALUE", do))
        if key.startswith("serve."):
            settings.append(word)
        elif key in ("run", "bundle"):
            given[key] = value
        else:
            names = ("run", "bundle", "serve.port")
            raise ConfigError(
                f"{key!r} is unknown{nearest(key, names) or ';'} keys: {', '.join(names)}, serve.KEY"
            )
    options = serve_options(settings)
    if "bundle" not in given and "run" not in given:
        raise ConfigError(problem("heddle serve", "neither", "run=RUN or bundle=FOLDER", "name one"))
    root = Path(given["bundle"]) if "bundle" in given else Path(given["run"]) / "bundle"
    registry = load_plugins()
    from heddle.serving.online.serve import listening, serve

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with listening(options) as listener:
        scheme = "https" if options.certificate else "http"
        host = f"[{options.host}]" if ":" in options.host else options.host
        address = f"{scheme}://{host}:{listener.getsockname()[1]}"
        serve(root, options, registry, listener, partial(print, address, flush=True))
    return 0
