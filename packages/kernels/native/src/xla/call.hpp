// An XLA custom call, decoded by the C interface of XLA's FFI alone (third_party/xla): the handlers need no other part of
// XLA, neither to be built nor to run, and a library without JAX never calls them.
#pragma once
#include <cstring>

#include "heddle_kernels.h"
#include "xla/ffi/api/c_api.h"

namespace heddle {

class Call {
 public:
  explicit Call(XLA_FFI_CallFrame* frame) : frame(frame) {}

  const XLA_FFI_Buffer& in(int64_t i) const { return *static_cast<const XLA_FFI_Buffer*>(frame->args.args[i]); }
  const XLA_FFI_Buffer& out(int64_t i) const { return *static_cast<const XLA_FFI_Buffer*>(frame->rets.rets[i]); }
  // A 64-bit integer attribute; 0 if there is none of that name.
  int64_t attribute(const char* name) const {
    for (int64_t i = 0; i < frame->attrs.size; ++i) {
      const XLA_FFI_ByteSpan& result = *frame->attrs.names[i];
      if (result.len == std::strlen(name) && std::memcmp(result.ptr, name, result.len) == 0)
        return *static_cast<const int64_t*>(static_cast<const XLA_FFI_Scalar*>(frame->attrs.attrs[i])->value);
    }
    return 0;
  }

  XLA_FFI_CallFrame* const frame;
};

// Codes of heddle_kernels.h for XLA's types; -1, which every function refuses, for others.
inline int64_t dtype_of(const XLA_FFI_Buffer& buffer) {
  switch (buffer.dtype) {
    case XLA_FFI_DataType_F32: return HEDDLE_FLOAT32;
    case XLA_FFI_DataType_F64: return HEDDLE_FLOAT64;
    case XLA_FFI_DataType_BF16: return HEDDLE_BFLOAT16;
    case XLA_FFI_DataType_F16: return HEDDLE_FLOAT16;
    default: return -1;
  }
}
inline int64_t index_of(const XLA_FFI_Buffer& buffer) {
  return buffer.dtype == XLA_FFI_DataType_S32 ? HEDDLE_INT32 : buffer.dtype == XLA_FFI_DataType_S64 ? HEDDLE_INT64 : -1;
}
inline int64_t rows_of(const XLA_FFI_Buffer& buffer) { return buffer.dims[0]; }
// Product of the sizes of axes from `first` on.
inline int64_t columns_of(const XLA_FFI_Buffer& buffer, int64_t first = 1) {
  int64_t product = 1;
  for (int64_t axis = first; axis < buffer.rank; ++axis) product *= buffer.dims[axis];
  return product;
}

// Whether a frame asks for our version only; it is then answered.
inline bool asks_for_version(XLA_FFI_CallFrame* frame) {
  if (!frame->extension_start || frame->extension_start->type != XLA_FFI_Extension_Metadata) return false;
  // What is used here has been there since version 0.0 and is only added to, so the runtime's version is ours too.
  XLA_FFI_Metadata* const metadata = reinterpret_cast<XLA_FFI_Metadata_Extension*>(frame->extension_start)->metadata;
  metadata->api_version.struct_size = XLA_FFI_Api_Version_STRUCT_SIZE;
  metadata->api_version.major_version = XLA_FFI_API_MAJOR;
  metadata->api_version.minor_version = frame->api->api_version.minor_version;
  metadata->traits = 0;
  return true;
}

// XLA's error for a function's status, NULL for none.
inline XLA_FFI_Error* error_of(XLA_FFI_CallFrame* frame, int status, const char* message) {
  if (status == HEDDLE_OK) return nullptr;
  XLA_FFI_Error_Create_Args error{};
  error.struct_size = XLA_FFI_Error_Create_Args_STRUCT_SIZE;
  error.message = message;
  error.errc = status == HEDDLE_RANGE    ? XLA_FFI_Error_Code_OUT_OF_RANGE
               : status == HEDDLE_MEMORY ? XLA_FFI_Error_Code_RESOURCE_EXHAUSTED
                                         : XLA_FFI_Error_Code_INVALID_ARGUMENT;
  return frame->api->XLA_FFI_Error_Create(&error);
}

// Answer a handler's frame: say our version if asked for it, otherwise run body(call) and report its status.
template <class F> XLA_FFI_Error* answer(XLA_FFI_CallFrame* frame, F&& body) {
  if (asks_for_version(frame)) return nullptr;
  const int status = body(Call(frame));
  return error_of(frame, status, status ? heddle_last_error() : "");
}

}  // namespace heddle

#define HEDDLE_XLA_HANDLER(name) \
  extern "C" HEDDLE_API XLA_FFI_Error* name(XLA_FFI_CallFrame* frame)
