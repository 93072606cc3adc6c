// XLA's handlers of native/cuda/xla without XLA and without a device: a runtime of our own hands out a stream and memory, and
// functions of the CUDA library's names say what they were called with.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "../cuda/heddle_cuda.h"
#include "xla/ffi/api/c_api.h"

extern "C" XLA_FFI_Error* heddle_xla_spmm(XLA_FFI_CallFrame* frame);
extern "C" XLA_FFI_Error* heddle_xla_segment_matmul(XLA_FFI_CallFrame* frame);

struct XLA_FFI_Error {
  std::string message;
};
struct XLA_FFI_ExecutionContext {
  bool stream = true, memory = true;
};

namespace {

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::exit(1);                                                        \
    }                                                                      \
  } while (0)

int64_t held = 0, asked = 0;  // bytes of device memory
int stream, errors = 0;
int64_t edges = 0, heads = 0, width = 0, precision = -1, status = HEDDLE_OK;
const void *weight = nullptr, *ids = nullptr;

XLA_FFI_Error* make_error(XLA_FFI_Error_Create_Args* args) {
  ++errors;
  return new XLA_FFI_Error{args->message};
}
void destroy_error(XLA_FFI_Error_Destroy_Args* args) {
  --errors;
  delete args->error;
}
XLA_FFI_Error* fail(const char* message) {
  ++errors;
  return new XLA_FFI_Error{message};
}
XLA_FFI_Error* get_stream(XLA_FFI_Stream_Get_Args* args) {
  CHECK(args->struct_size == XLA_FFI_Stream_Get_Args_STRUCT_SIZE);
  args->stream = &stream;
  return args->ctx->stream ? nullptr : fail("no stream");
}
XLA_FFI_Error* allocate(XLA_FFI_DeviceMemory_Allocate_Args* args) {
  CHECK(args->alignment == 16 && args->size > 0);
  if (!args->ctx->memory) return fail("no memory");
  held += static_cast<int64_t>(args->size), asked = static_cast<int64_t>(args->size);
  args->data = std::malloc(args->size);
  return nullptr;
}
XLA_FFI_Error* release(XLA_FFI_DeviceMemory_Free_Args* args) {
  held -= static_cast<int64_t>(args->size);
  std::free(args->data);
  return nullptr;
}

XLA_FFI_Api api() {
  XLA_FFI_Api made{};
  made.struct_size = XLA_FFI_Api_STRUCT_SIZE;
  made.api_version = {XLA_FFI_Api_Version_STRUCT_SIZE, nullptr, XLA_FFI_API_MAJOR, XLA_FFI_API_MINOR};
  made.XLA_FFI_Error_Create = make_error;
  made.XLA_FFI_Error_Destroy = destroy_error;
  made.XLA_FFI_Stream_Get = get_stream;
  made.XLA_FFI_DeviceMemory_Allocate = allocate;
  made.XLA_FFI_DeviceMemory_Free = release;
  return made;
}

// A call's frame: operands and results by their types and sizes, attributes by their names.
class Frame {
 public:
  XLA_FFI_ExecutionContext context;

  void operand(XLA_FFI_DataType type, std::vector<int64_t> dims) { buffers.push_back({type, std::move(dims)}); }
  void attribute(const char* name, int64_t value) { names.emplace_back(name), values.push_back(value); }
  std::string run(XLA_FFI_Handler* handler, size_t results) {
    static const XLA_FFI_Api runtime = api();
    std::vector<XLA_FFI_Buffer> made(buffers.size());
    std::vector<void*> pointers;
    std::vector<XLA_FFI_ArgType> arg_types(buffers.size(), XLA_FFI_ArgType_BUFFER);
    std::vector<XLA_FFI_RetType> ret_types(results, XLA_FFI_RetType_BUFFER);
    for (size_t i = 0; i < made.size(); ++i) {
      made[i].struct_size = XLA_FFI_Buffer_STRUCT_SIZE;
      made[i].dtype = buffers[i].first, made[i].data = memory + 64 * i;
      made[i].rank = static_cast<int64_t>(buffers[i].second.size()), made[i].dims = buffers[i].second.data();
      pointers.push_back(&made[i]);
    }
    std::vector<XLA_FFI_ByteSpan> spans;
    std::vector<XLA_FFI_Scalar> scalars;
    for (size_t i = 0; i < names.size(); ++i) {
      spans.push_back({names[i].c_str(), names[i].size()});
      scalars.push_back({XLA_FFI_DataType_S64, &values[i]});
    }
    std::vector<XLA_FFI_ByteSpan*> span_pointers;
    std::vector<void*> scalar_pointers;
    std::vector<XLA_FFI_AttrType> attr_types(names.size(), XLA_FFI_AttrType_SCALAR);
    for (size_t i = 0; i < names.size(); ++i) span_pointers.push_back(&spans[i]), scalar_pointers.push_back(&scalars[i]);
    XLA_FFI_CallFrame frame{};
    frame.struct_size = XLA_FFI_CallFrame_STRUCT_SIZE;
    frame.api = &runtime, frame.ctx = &context, frame.stage = XLA_FFI_ExecutionStage_EXECUTE;
    const auto inputs = static_cast<int64_t>(pointers.size() - results);
    frame.args.size = inputs, frame.args.types = arg_types.data(), frame.args.args = pointers.data();
    frame.rets.size = static_cast<int64_t>(results), frame.rets.types = ret_types.data(), frame.rets.rets = pointers.data() + inputs;
    frame.attrs.size = static_cast<int64_t>(names.size()), frame.attrs.types = attr_types.data();
    frame.attrs.names = span_pointers.data(), frame.attrs.attrs = scalar_pointers.data();
    XLA_FFI_Error* const error = handler(&frame);
    if (!error) return "";
    const std::string message = error->message;
    --errors;
    delete error;
    return message;
  }
  char* at(size_t i) { return memory + 64 * i; }

 private:
  std::vector<std::pair<XLA_FFI_DataType, std::vector<int64_t>>> buffers;
  std::vector<std::string> names;
  std::vector<int64_t> values;
  char memory[1024];
};

Frame spmm_frame(bool counted) {
  Frame frame;
  frame.operand(XLA_FFI_DataType_S32, {11});        // indptr of 10 rows
  frame.operand(XLA_FFI_DataType_S32, {2000});      // ids
  frame.operand(XLA_FFI_DataType_S32, {0});         // perm
  frame.operand(XLA_FFI_DataType_F32, {2000, 2});   // weight
  frame.operand(XLA_FFI_DataType_F32, {7, 2, 5});   // x
  frame.operand(XLA_FFI_DataType_F32, {10, 2, 5});  // out
  frame.attribute("weighted", 1);
  frame.attribute("reduce", HEDDLE_SUM);
  if (counted) frame.attribute("counted", 1);
  return frame;
}

}  // namespace

extern "C" const char* heddle_cuda_last_error(void) { return "refused"; }
extern "C" int64_t heddle_cuda_spmm_workspace(int64_t count, int64_t columns, int64_t) { return count * columns; }
extern "C" int heddle_cuda_spmm(const void*, const void* own_ids, const void*, const void* own_weight, const void*, void*,
                                int64_t rows, int64_t own_edges, int64_t x_rows, int64_t own_heads, int64_t own_width,
                                int64_t dtype, int64_t index, int64_t, void* workspace, int64_t bytes, void* fault,
                                void* queue) {
  if (!workspace) return HEDDLE_INVALID;
  CHECK(rows == 10 && x_rows == 7 && dtype == HEDDLE_FLOAT32 && index == HEDDLE_INT32);
  CHECK(bytes == asked && held == asked && !fault && queue == &stream);
  edges = own_edges, heads = own_heads, width = own_width, weight = own_weight, ids = own_ids;
  return static_cast<int>(status);
}
extern "C" int64_t heddle_cuda_matmul_workspace(int64_t groups) { return groups * 100; }
extern "C" int heddle_cuda_segment_matmul(const void*, const void*, const void* bias, const void*, void*, int64_t n,
                                          int64_t groups, int64_t k, int64_t m, int64_t transposed, int64_t dtype, int64_t,
                                          int64_t own_precision, void* workspace, int64_t bytes, void*, void* queue) {
  CHECK(!bias && n == 30 && groups == 3 && k == 4 && m == 6 && transposed == 1 && dtype == HEDDLE_BFLOAT16);
  CHECK(workspace && bytes == 300 && queue == &stream);
  precision = own_precision;
  return HEDDLE_OK;
}
#define UNUSED(name, ...) \
  extern "C" int name(__VA_ARGS__) { std::abort(); }
UNUSED(heddle_cuda_sddmm, const void*, const void*, const void*, const void*, void*, int64_t, int64_t, int64_t, int64_t, int64_t,
       int64_t, int64_t, int64_t, void*, void*)
UNUSED(heddle_cuda_spmm_argmax, const void*, const void*, const void*, const void*, const void*, const void*, const void*,
       const void*, void*, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, void*, int64_t, void*, void*)
UNUSED(heddle_cuda_sddmm_argmax, const void*, const void*, const void*, const void*, const void*, const void*, const void*, void*,
       int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, void*, void*)
UNUSED(heddle_cuda_gather, const void*, const void*, void*, int64_t, int64_t, int64_t, int64_t, void*, void*)
UNUSED(heddle_cuda_segment_softmax, const void*, const void*, const void*, void*, int64_t, int64_t, int64_t, int64_t, int64_t,
       void*, int64_t, void*, void*)
UNUSED(heddle_cuda_segment_softmax_grad, const void*, const void*, const void*, const void*, void*, int64_t, int64_t, int64_t,
       int64_t, int64_t, void*, int64_t, void*, void*)
UNUSED(heddle_cuda_segment_outer, const void*, const void*, const void*, void*, int64_t, int64_t, int64_t, int64_t, int64_t,
       int64_t, int64_t, void*, int64_t, void*, void*)
extern "C" int64_t heddle_cuda_segment_softmax_workspace(int64_t, int64_t, int64_t, int64_t) { std::abort(); }
extern "C" int64_t heddle_cuda_segment_outer_workspace(int64_t, int64_t, int64_t, int64_t, int64_t) { std::abort(); }

int main() {
  Frame frame = spmm_frame(false);
  CHECK(frame.run(heddle_xla_spmm, 1).empty());
  CHECK(edges == 2000 && heads == 2 && width == 5 && weight == frame.at(3) && ids == frame.at(1) && held == 0);
  Frame counted = spmm_frame(true);
  CHECK(counted.run(heddle_xla_spmm, 1).empty() && edges == 7 && !ids && held == 0);
  status = HEDDLE_INVALID;
  CHECK(spmm_frame(false).run(heddle_xla_spmm, 1) == "refused" && held == 0);
  status = HEDDLE_OK;
  Frame without_stream = spmm_frame(false), without_memory = spmm_frame(false);
  without_stream.context.stream = false, without_memory.context.memory = false;
  edges = -1;
  CHECK(without_stream.run(heddle_xla_spmm, 1) == "no stream" && edges == -1);
  CHECK(without_memory.run(heddle_xla_spmm, 1) == "no memory" && edges == -1 && held == 0);
  Frame product;
  product.operand(XLA_FFI_DataType_S64, {3});
  product.operand(XLA_FFI_DataType_BF16, {30, 4});
  product.operand(XLA_FFI_DataType_BF16, {3, 6, 4});
  product.operand(XLA_FFI_DataType_BF16, {30, 6});
  product.attribute("transposed", 1);
  product.attribute("precision", HEDDLE_3XTF32);
  CHECK(product.run(heddle_xla_segment_matmul, 1).empty() && precision == HEDDLE_3XTF32 && held == 0 && errors == 0);
}
