"""config.pbtxt: Triton's description of a model, written as text and checked against Triton's own schema."""

from collections.abc import Mapping

from heddle.errors import ConfigError, problem
from heddle.extras import require
from heddle.serving.served import Served, Spec

BACKENDS: Mapping[str, Mapping[str, str]] = {"python": {}, "ngc": {"onnx": "onnxruntime", "xgboost": "fil"}}
"""Flavour -> platform -> Triton's backend, where it isn't python."""

FLAVOURS = tuple(BACKENDS)


def config_pbtxt(served: Served, flavour: str = "python") -> str:
    """Return the text of config.pbtxt.

    Args:
        flavour: "python" runs everything in the python backend, which every Triton has; "ngc" runs trees in FIL and
            ONNX in onnxruntime, which NVIDIA's containers have.

    Raises:
        ConfigError: another flavour.
    """
    if flavour not in FLAVOURS:
        raise ConfigError(problem("deploy.flavour", repr(flavour), f"one of {FLAVOURS}", "name one"))
    backend = backend_of(served, flavour)

    def named(spec: Spec, side: str, at: int) -> Spec:
        return spec._replace(name=f"{side}__{at}") if backend == "fil" else spec  # FIL's own names

    lines = [
        f'name: "{served.name}"',
        f'backend: "{backend}"',
        f"max_batch_size: {served.max_batch}",
        *(
            _tensor("input", named(spec, "input", at), bool(served.about.get("optional")))
            for at, spec in enumerate(served.inputs)
        ),
        *(_tensor("output", named(spec, "output", at)) for at, spec in enumerate(served.outputs)),
        "instance_group [{ kind: KIND_CPU count: 1 }]",
        "dynamic_batching { max_queue_delay_microseconds: 500 }",
    ]
    if backend == "fil":
        settings = {"model_type": "xgboost_json", "output_class": "false", "predict_proba": "false"}
        lines += [
            f'parameters {{ key: "{k}" value: {{ string_value: "{v}" }} }}' for k, v in settings.items()
        ]
    return "\n".join(lines) + "\n"


def backend_of(served: Served, flavour: str) -> str:
    """Return the backend that serves a model in a flavour."""
    return BACKENDS[flavour].get(served.platform, "python")


def check_pbtxt(text: str) -> None:
    """Check a config.pbtxt against the schema that tritonclient brings, offline.

    Raises:
        ConfigError: an unknown field, or a value of another type.
        PluginError: tritonclient isn't installed.
    """
    schema = require("tritonclient.grpc.model_config_pb2", "serve")
    text_format = require("google.protobuf.text_format", "serve")
    try:
        text_format.Parse(text, schema.ModelConfig())
    except text_format.ParseError as error:
        raise ConfigError(
            problem("config.pbtxt", str(error), "Triton's ModelConfig", "fix the entry")
        ) from error


def _tensor(role: str, spec: Spec, optional: bool = False) -> str:
    dtype, more = "STRING" if spec.dtype == "BYTES" else spec.dtype, " optional: true" if optional else ""
    name = spec.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'{role} [{{ name: "{name}" data_type: TYPE_{dtype} dims: [ {spec.width} ]{more} }}]'
