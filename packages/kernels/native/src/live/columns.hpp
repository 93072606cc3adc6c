// What nodes of a live graph, and its edges, bring to a model: floats, and embeddings of their codes behind these.
#pragma once
#include <cstdint>
#include <cstring>

#include "../simd/kernels.hpp"
#include "heddle_live.h"

namespace heddle {

// Four-byte values of a row.
template <class T>
const T* row_at(const heddle_rows& rows, int64_t row) {
  static_assert(sizeof(T) == 4);
  if (row < rows.n_first) return static_cast<const T*>(rows.first) + row * rows.width;
  row -= rows.n_first;
  if (row < rows.n_second) return static_cast<const T*>(rows.second) + row * rows.width;
  row -= rows.n_second;
  return static_cast<const T*>(rows.blocks[row / rows.block]) + row % rows.block * rows.width;
}

// Where a row's values lie; NULL for zeros.
struct Values {
  const float* x;
  const int32_t* codes;
};

class Columns {
 public:
  explicit Columns(const heddle_columns* of) : of_(of) {
    width_ = floats();
    for (int64_t i = 0; i < codes(); ++i) width_ += of->table_widths[i];
  }
  int64_t width() const { return width_; }

  Values at(int64_t row) const {
    return {of_->x ? row_at<float>(*of_->x, row) : nullptr, of_->codes ? row_at<int32_t>(*of_->codes, row) : nullptr};
  }
  Values changed(int64_t change) const {
    return {of_->x ? row_at<float>(*of_->changed_x, change) : nullptr,
            of_->codes ? row_at<int32_t>(*of_->changed_codes, change) : nullptr};
  }
  void prefetch(const Values& values) const {
    for (int64_t i = 0; values.x && i < floats(); i += 16) __builtin_prefetch(values.x + i);
    if (values.codes) __builtin_prefetch(values.codes);
  }
  // Add a row to `sum` [width].
  void add(const Values& values, float* sum) const {
    if (values.x) HEDDLE_PICK(add_row)(values.x, floats(), sum);
    sum += floats();
    for (int64_t i = 0; i < codes(); ++i) {
      const uint32_t code = values.codes ? static_cast<uint32_t>(values.codes[i]) : 0;
      const int64_t width = of_->table_widths[i];
      HEDDLE_PICK(add_row)(of_->tables[i] + code % of_->table_rows[i] * width, width, sum);
      sum += width;
    }
  }

 private:
  int64_t floats() const { return of_->x ? of_->x->width : 0; }
  int64_t codes() const { return of_->codes ? of_->codes->width : 0; }

  const heddle_columns* of_;
  int64_t width_;
};

}  // namespace heddle
