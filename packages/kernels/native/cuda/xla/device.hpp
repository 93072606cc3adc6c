// What an XLA custom call has on a CUDA device: its stream, and memory for as long as the call queues work.
#pragma once
#include <vector>

#include "../../src/xla/arguments.hpp"
#include "../heddle_cuda.h"

namespace heddle {

class Device {
 public:
  explicit Device(XLA_FFI_CallFrame* frame) : frame(frame) {
    XLA_FFI_Stream_Get_Args get{XLA_FFI_Stream_Get_Args_STRUCT_SIZE, nullptr, frame->ctx, nullptr};
    problem = frame->api->XLA_FFI_Stream_Get(&get);
    stream = get.stream;
  }
  ~Device() {
    if (!memory) return;
    XLA_FFI_DeviceMemory_Free_Args free{XLA_FFI_DeviceMemory_Free_Args_STRUCT_SIZE, nullptr, frame->ctx,
                                        static_cast<size_t>(bytes), memory};
    if (XLA_FFI_Error* const error = frame->api->XLA_FFI_DeviceMemory_Free(&free)) {
      XLA_FFI_Error_Destroy_Args destroy{XLA_FFI_Error_Destroy_Args_STRUCT_SIZE, nullptr, error};
      frame->api->XLA_FFI_Error_Destroy(&destroy);
    }
  }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // The call's workspace, NULL for none, or if there is no memory, which is a problem then. XLA gives it to work that is
  // queued after ours at the earliest.
  void* workspace(int64_t size) {
    constexpr size_t ALIGNMENT = 16;  // what workspaces need, and the most that XLA takes
    if (size <= 0 || problem) return nullptr;
    XLA_FFI_DeviceMemory_Allocate_Args allocate{XLA_FFI_DeviceMemory_Allocate_Args_STRUCT_SIZE, nullptr, frame->ctx,
                                                static_cast<size_t>(size), ALIGNMENT, nullptr};
    problem = frame->api->XLA_FFI_DeviceMemory_Allocate(&allocate);
    if (!problem) memory = allocate.data, bytes = size;
    return memory;
  }

  XLA_FFI_CallFrame* const frame;
  XLA_FFI_Error* problem = nullptr;
  void* stream = nullptr;
  void* memory = nullptr;
  int64_t bytes = 0;  // of the workspace
};

// Answer a handler's frame: say our version if asked for it, otherwise run body(call, device) and report its status.
template <class F> XLA_FFI_Error* answer_on_device(XLA_FFI_CallFrame* frame, F&& body) {
  if (asks_for_version(frame)) return nullptr;
  Device device(frame);
  if (device.problem) return device.problem;
  const int status = body(Call(frame), device);
  if (device.problem) return device.problem;
  return error_of(frame, status, status ? heddle_cuda_last_error() : "");
}

// The last arguments of functions on the device: where faults are noted, which nobody could read in time, and the stream.
inline constexpr void* UNNOTED = nullptr;

}  // namespace heddle
