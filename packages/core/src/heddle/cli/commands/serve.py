"""`heddle serve`: a trained run as a bundle, and a server that scores raw rows by it and appends them."""

import logging
from collections.abc import Sequence
from pathlib import Path

from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError, nearest, problem

HELP = """\
Usage: heddle serve export run=RUN [bundle=FOLDER] [overwrite=true]
       heddle serve bundle=FOLDER | run=RUN [serve.KEY=VALUE ...]

export writes a trained run on a prepared folder as a bundle (by default RUN/bundle): its model, what its encoders were
fitted to, and a live graph over the folder. serve answers on 127.0.0.1 until it is interrupted:

  heddle serve export run=runs/mine
  heddle serve run=runs/mine serve.port=8000
  curl 127.0.0.1:8000/v2/score -d '{"rows": [{"card": "17", "amount": "$3.50"}], "append": true}'

POST /v2/score scores rows, /v2/rows/TABLE appends them, /v2/models/model/infer speaks the Open Inference Protocol;
GET /metrics, /v2/health/ready, /v2/card, and a page at /.

"""


def run(arguments: Sequence[str]) -> int:
    """Export or serve; return 0.

    Raises:
        ConfigError: an argument that isn't KEY=VALUE, an unknown key, or neither a run nor a bundle.
    """
    import yaml

    from heddle.options import build
    from heddle.serving.online.options import ServeOptions

    exporting = list(arguments[:1]) == ["export"]
    settings = list(arguments[1:] if exporting else arguments)
    given: dict[str, str] = {}
    node = {}
    for word in settings:
        key, equals, value = word.partition("=")
        if not equals:
            do = "see heddle serve --help"
            raise ConfigError(problem("heddle serve", repr(word), "export first, or KEY=VALUE", do))
        if key.startswith("serve."):
            node[key.removeprefix("serve.")] = yaml.safe_load(value)
        elif key in ("run", "bundle", "overwrite"):
            given[key] = value
        else:
            names = ("run", "bundle", "overwrite", "serve.port")
            raise ConfigError(
                f"{key!r} is unknown{nearest(key, names) or ';'} keys: {', '.join(names)}, serve.KEY"
            )
    options = build(ServeOptions, node, "serve")
    if "bundle" not in given and "run" not in given:
        raise ConfigError(problem("heddle serve", "neither", "run=RUN or bundle=FOLDER", "name one"))
    root = Path(given["bundle"]) if "bundle" in given else Path(given["run"]) / "bundle"
    registry = load_plugins()
    if exporting:
        from heddle.config.saved import saved_config
        from heddle.serving.bundle.export import export_bundle

        if "run" not in given:
            raise ConfigError(problem("run", "none", "a trained run's folder", "write run=runs/NAME"))
        overwrite = given.get("overwrite", "false") == "true"
        config = saved_config(given["run"], registry)
        print(export_bundle(config, Path(given["run"]), registry, root, overwrite=overwrite))
        return 0
    from heddle.serving.online.serve import listening, server

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    made = server(root, options, registry)
    with listening(options) as listener:
        scheme = "https" if options.certificate else "http"
        host = f"[{options.host}]" if ":" in options.host else options.host
        print(f"{scheme}://{host}:{listener.getsockname()[1]}", flush=True)
        made.run([listener])
    return 0
