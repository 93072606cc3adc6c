// Grouped products by CUTLASS 2.x kernels, which run from sm_80 on: tiles are handed out on the device, from sizes that
// only the device knows.
#pragma once
#include <atomic>

#include <cutlass/cutlass.h>
#include <cutlass/epilogue/thread/linear_combination.h>
#include <cutlass/gemm/device/gemm_grouped.h>
#include <cutlass/gemm/kernel/default_gemm_grouped.h>

#include "../host/status.hpp"
#include "launch.hpp"

namespace heddle::cuda {

template <int M, int N, int K>
using Tile = cutlass::gemm::GemmShape<M, N, K>;
using Rows = cutlass::layout::RowMajor;
using Columns = cutlass::layout::ColumnMajor;

// How one type is multiplied. A type's Narrow and Wide give block, warp and stages.
template <class Block_, class Warp_, int STAGES_>
struct Shape {
  using Block = Block_;
  using Warp = Warp_;
  static constexpr int STAGES = STAGES_;
};

template <class How, class S, class LayoutA, class LayoutB>
struct Ampere {
  using E = typename How::Element;
  using Sum = typename How::Sum;
  using Kernel = typename cutlass::gemm::kernel::DefaultGemmGrouped<
      E, LayoutA, cutlass::ComplexTransform::kNone, How::ALIGNED, E, LayoutB, cutlass::ComplexTransform::kNone,
      How::ALIGNED, E, Rows, Sum, typename How::Class, cutlass::arch::Sm80, typename S::Block, typename S::Warp,
      typename How::Instruction, cutlass::epilogue::thread::LinearCombination<E, How::ALIGNED, Sum, Sum>,
      cutlass::gemm::threadblock::GemmBatchedIdentityThreadblockSwizzle, S::STAGES,
      cutlass::gemm::kernel::GroupScheduleMode::kDeviceOnly, typename How::Operator>::GemmKernel;
  using Gemm = cutlass::gemm::device::GemmGrouped<Kernel>;

  // Blocks of a multiprocessor, asked once.
  static int resident_blocks(const Device& device) {
    static std::atomic<int> known[DEVICES];
    if (device.number >= DEVICES) return Gemm::maximum_active_blocks();
    int result = known[device.number].load(std::memory_order_relaxed);
    if (!result) known[device.number].store(result = Gemm::maximum_active_blocks(), std::memory_order_relaxed);
    return result;
  }

  static int run(const Launch& of) {
    const int resident = resident_blocks(of.device);
    if (resident <= 0)
      return fail(HEDDLE_INVALID, "grouped product: found a device that can't run it (%s), expected sm_80 or later",
                  cudaGetErrorString(cudaGetLastError()));
    const Arrays& at = of.arrays;
    const auto element = [](auto** pointers) { return reinterpret_cast<E**>(const_cast<void**>(pointers)); };
    typename Gemm::Arguments arguments(
        reinterpret_cast<cutlass::gemm::GemmCoord*>(at.sizes), static_cast<int>(of.groups),
        resident * of.device.multiprocessors, {Sum(1), Sum(of.bias ? 1 : 0)}, element(at.a), element(at.b), element(at.c),
        element(at.d), at.lda, at.ldb, at.ldc, at.ldd, nullptr);
    Gemm gemm;
    cutlass::Status status = gemm.initialize(arguments, nullptr, of.stream);
    if (status == cutlass::Status::kSuccess) status = gemm.run(of.stream);
    if (status == cutlass::Status::kSuccess) return HEDDLE_OK;
    return fail(HEDDLE_INVALID, "grouped product: found CUTLASS status \"%s\" (%s), expected a launch",
                cutlassGetStatusString(status), cudaGetErrorString(cudaGetLastError()));
  }
};

template <class How, class S>
int ampere_of(const Launch& of) {
  switch (of.plan.mode) {
    case HEDDLE_FORWARD:
      return Ampere<How, S, Rows, Rows>::run(of);
    case HEDDLE_TRANSPOSED:
      return Ampere<How, S, Rows, Columns>::run(of);
    default:
      return Ampere<How, S, Columns, Rows>::run(of);
  }
}

template <class How>
int ampere(const Launch& of) {
  return of.plan.width <= NARROW ? ampere_of<How, typename How::Narrow>(of) : ampere_of<How, typename How::Wide>(of);
}

// Products on the ordinary units, of any alignment.
template <class E>
struct Simt {
  using Element = E;
  using Sum = E;
  using Class = cutlass::arch::OpClassSimt;
  using Instruction = Tile<1, 1, 1>;
  using Operator = cutlass::arch::OpMultiplyAdd;
  static constexpr int ALIGNED = 1;
};

// Products on the matrix units.
template <class E, int ALIGNED_, class Instruction_, class Operator_ = cutlass::arch::OpMultiplyAdd>
struct Tensor {
  using Element = E;
  using Sum = float;
  using Class = cutlass::arch::OpClassTensorOp;
  using Instruction = Instruction_;
  using Operator = Operator_;
  static constexpr int ALIGNED = ALIGNED_;
};

// Of 16 bits: by 16 bytes at a time, or element by element.
template <class E>
struct Half : Tensor<E, 8, Tile<16, 8, 16>> {
  using Narrow = Shape<Tile<128, 32, 32>, Tile<32, 32, 32>, 4>;
  using Wide = Shape<Tile<128, 128, 32>, Tile<64, 64, 32>, 4>;
};
template <class E>
struct HalfAny : Tensor<E, 1, Tile<16, 8, 16>> {
  using Narrow = Shape<Tile<128, 32, 32>, Tile<32, 32, 32>, 2>;
  using Wide = Shape<Tile<128, 64, 32>, Tile<64, 32, 32>, 2>;
};

}  // namespace heddle::cuda
