// Which kernel runs a grouped product: a matter of types, widths, addresses and the device, decided on the host.
#pragma once
#include <cstdint>

namespace heddle::cuda {

enum class Kernel : int32_t {
  AMPERE_FLOAT32,  // plain float32
  AMPERE_FLOAT64,
  AMPERE_TF32,
  AMPERE_3XTF32,
  AMPERE_FLOAT16,
  AMPERE_BFLOAT16,
  AMPERE_FLOAT16_ANY,  // of any alignment
  AMPERE_BFLOAT16_ANY,
  HOPPER_FLOAT16,
  HOPPER_BFLOAT16
};

// Columns of output up to which tiles are that wide; past WIDE they are twice as wide on Hopper.
constexpr int64_t NARROW = 32, WIDE = 128;

struct Plan {
  Kernel kernel;
  int32_t mode;
  int32_t width;  // columns of a tile, at most
};

// What the choice depends on.
struct Question {
  int64_t dtype, precision, mode;
  int64_t columns;     // the widest output
  bool aligned;        // all addresses and rows start at multiples of 16 bytes
  bool bias;
  int64_t capability;  // of the device: 80, 90 ...
};

Plan choose(const Question& question);

// Rows that one outer product of a group sums at most: few enough to give each multiprocessor four tiles.
int64_t stretch_rows(int64_t n, int64_t k, int64_t m, int64_t multiprocessors);

// Whether rows of `columns` elements from `address` all start at multiples of 16 bytes.
bool rows_aligned(const void* address, int64_t columns, int64_t element);

// Check the arguments that all products share; HEDDLE_OK or a status with its message.
int check_codes(const char* op, int64_t dtype, int64_t index, int64_t precision);
int check_counts(const char* op, int64_t n, int64_t groups, int64_t k, int64_t m);
int check_workspace(const char* op, const void* workspace, int64_t bytes, int64_t needed);

}  // namespace heddle::cuda
