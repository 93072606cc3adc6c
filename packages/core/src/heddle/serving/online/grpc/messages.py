"""messages: the messages of the Open Inference Protocol's GRPCInferenceService, made from a table of their fields.

They are in a pool of their own: another package's classes of the same names, such as tritonclient's, stay as they are.

Source: open_inference_grpc.proto of https://github.com/kserve/open-inference-protocol (Apache License 2.0).
"""

from functools import cache
from typing import Any

from heddle.extras import require

SERVICE = "inference.GRPCInferenceService"

METHODS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")
"""Each takes NAMERequest and gives NAMEResponse."""

CONTENTS = {
    "BOOL": "bool_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""Datatype -> the field of InferTensorContents that holds it."""

_NAME_VERSION = "string name, string version"
_TENSOR = "string name, string datatype, int64* shape"
_FULL = f"{_TENSOR}, map parameters, InferTensorContents contents"
_MESSAGES = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "bool live",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "bool ready",
    "ModelReadyRequest": _NAME_VERSION,
    "ModelReadyResponse": "bool ready",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": f"{_NAME_VERSION}, string* extensions",
    "ModelMetadataRequest": _NAME_VERSION,
    "ModelMetadataResponse.TensorMetadata": _TENSOR,
    "ModelMetadataResponse": "string name, string* versions, string platform, "
    "ModelMetadataResponse.TensorMetadata* inputs, ModelMetadataResponse.TensorMetadata* outputs",
    "InferParameter": "bool? bool_param, int64? int64_param, string? string_param, double? double_param, "
    "uint64? uint64_param",
    "InferTensorContents": "bool* bool_contents, int32* int_contents, int64* int64_contents, uint32* uint_contents, "
    "uint64* uint64_contents, float* fp32_contents, double* fp64_contents, bytes* bytes_contents",
    "ModelInferRequest.InferInputTensor": _FULL,
    "ModelInferRequest.InferRequestedOutputTensor": "string name, map parameters",
    "ModelInferRequest": "string model_name, string model_version, string id, map parameters, "
    "ModelInferRequest.InferInputTensor* inputs, ModelInferRequest.InferRequestedOutputTensor* outputs, "
    "bytes* raw_input_contents",
    "ModelInferResponse.InferOutputTensor": _FULL,
    "ModelInferResponse": "string model_name, string model_version, string id, map parameters, "
    "ModelInferResponse.InferOutputTensor* outputs, bytes* raw_output_contents",
}
"""Message -> its fields, numbered from 1: type, * for many, ? for one of several; map is of text to InferParameter."""


@cache
def messages() -> dict[str, Any]:
    """Return name -> class of every message. Raises PluginError: protobuf isn't installed."""
    require("google.protobuf", "grpc")
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    content = descriptor_pb2.FileDescriptorProto(
        name="heddle/open_inference_grpc.proto", package="inference", syntax="proto3"
    )
    made: dict[str, Any] = {}
    for name in sorted(_MESSAGES, key=lambda of: of.count(".")):  # outer ones first
        outer, _, inner = name.rpartition(".")
        holder = made[outer].nested_type if outer else content.message_type
        made[name] = holder.add(name=inner)
        fields = [field.rsplit(" ", 1) for field in _MESSAGES[name].split(", ") if field]
        for number, (field_type, field) in enumerate(fields, 1):
            _add_field(made[name], name, number, field_type, field)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(content)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"inference.{name}"))
        for name in made
    }


def _add_field(message: Any, full: str, number: int, field_type: str, name: str) -> None:
    """Add a field to a message; `full` is its name with those that it is in."""
    many, choice = field_type.endswith("*"), field_type.endswith("?")
    field_type = field_type.rstrip("*?")
    field = message.field.add(name=name, number=number, label=3 if many or field_type == "map" else 1)
    if choice:
        if not message.oneof_decl:
            message.oneof_decl.add(name="parameter_choice")
        field.oneof_index = 0
    if field_type == "map":
        entry = message.nested_type.add(name="ParametersEntry")
        entry.options.map_entry = True
        _add_field(entry, "", 1, "string", "key")
        _add_field(entry, "", 2, "InferParameter", "value")
        field.type, field.type_name = 11, f".inference.{full}.ParametersEntry"
    elif field_type[0].isupper():
        field.type, field.type_name = 11, f".inference.{field_type}"
    else:
        numbers = {
            "double": 1,
            "float": 2,
            "int64": 3,
            "uint64": 4,
            "int32": 5,
            "bool": 8,
            "string": 9,
            "bytes": 12,
        }
        field.type = {**numbers, "uint32": 13}[field_type]
