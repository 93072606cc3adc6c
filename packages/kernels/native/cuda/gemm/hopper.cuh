// Grouped products of 16-bit types by CUTLASS 3.x kernels for sm_90a: wgmma, with tiles brought by the copy engine from
// descriptors that the kernel makes of each group's addresses.
#pragma once
#include <cstring>

#include <cuda_runtime.h>
#include <cutlass/cutlass.h>
#include <cute/tensor.hpp>
#include <cutlass/epilogue/collective/collective_builder.hpp>
#include <cutlass/gemm/collective/collective_builder.hpp>
#include <cutlass/gemm/device/gemm_universal_adapter.h>
#include <cutlass/gemm/group_array_problem_shape.hpp>
#include <cutlass/gemm/kernel/gemm_universal.hpp>

#include "../host/status.hpp"
#include "launch.hpp"

namespace heddle::cuda {

using Rows = cutlass::layout::RowMajor;
using Columns = cutlass::layout::ColumnMajor;

template <class E, class LayoutA, class LayoutB, int WIDTH>
struct Hopper {
  static constexpr int ALIGNED = 16 / sizeof(E);
  using Tile = cute::Shape<cute::_128, cute::Int<WIDTH>, cute::_64>;
  using Cluster = cute::Shape<cute::_1, cute::_1, cute::_1>;
  using Sizes = cutlass::gemm::GroupProblemShape<cute::Shape<int, int, int>>;
  using Epilogue = typename cutlass::epilogue::collective::CollectiveBuilder<
      cutlass::arch::Sm90, cutlass::arch::OpClassTensorOp, Tile, Cluster, cutlass::epilogue::collective::EpilogueTileAuto,
      float, float, void, Rows*, ALIGNED, E, Rows*, ALIGNED, cutlass::epilogue::PtrArrayTmaWarpSpecializedCooperative,
      cutlass::epilogue::fusion::LinearCombination<E, float, void>>::CollectiveOp;
  using Mainloop = typename cutlass::gemm::collective::CollectiveBuilder<
      cutlass::arch::Sm90, cutlass::arch::OpClassTensorOp, E, LayoutA*, ALIGNED, E, LayoutB*, ALIGNED, float, Tile,
      Cluster,
      cutlass::gemm::collective::StageCountAutoCarveout<static_cast<int>(sizeof(typename Epilogue::SharedStorage))>,
      cutlass::gemm::KernelPtrArrayTmaWarpSpecializedCooperative>::CollectiveOp;
  using Kernel = cutlass::gemm::kernel::GemmUniversal<Sizes, Mainloop, Epilogue>;
  using Gemm = cutlass::gemm::device::GemmUniversalAdapter<Kernel>;

  // The setup kernel writes sizes as three ints and a stride as one int64: so are CuTe's types laid out.
  static bool laid_out() {
    const auto size = cute::make_shape(1, 2, 3);
    const int expected[3] = {1, 2, 3};
    return sizeof size == sizeof expected && std::memcmp(&size, expected, sizeof expected) == 0;
  }
  static_assert(sizeof(typename Kernel::InternalStrideA) == 8 && sizeof(typename Kernel::InternalStrideB) == 8 &&
                sizeof(typename Kernel::InternalStrideD) == 8);

  static typename Gemm::Arguments arguments(const Launch& of) {
    const Arrays& at = of.arrays;
    cutlass::KernelHardwareInfo hardware;
    hardware.sm_count = of.device.multiprocessors;
    const auto element = [](const void** pointers) { return reinterpret_cast<const E**>(pointers); };
    typename Gemm::Arguments made{
        cutlass::gemm::GemmUniversalMode::kGrouped,
        {static_cast<int>(of.groups), reinterpret_cast<cute::Shape<int, int, int>*>(at.sizes), nullptr},
        {element(at.a), reinterpret_cast<typename Kernel::InternalStrideA*>(at.lda), element(at.b),
         reinterpret_cast<typename Kernel::InternalStrideB*>(at.ldb)},
        {{}, nullptr, nullptr, reinterpret_cast<E**>(at.d),
         reinterpret_cast<typename Kernel::InternalStrideD*>(at.ldd)},
        hardware};
    made.epilogue.thread.alpha = 1.0f;
    made.epilogue.thread.beta = 0.0f;
    return made;
  }

  static int run(const Launch& of) {
    if (!laid_out()) return fail(HEDDLE_INVALID, "grouped product: found CuTe shapes laid out otherwise than as ints");
    const typename Gemm::Arguments made = arguments(of);
    const int64_t needed = static_cast<int64_t>(Gemm::get_workspace_size(made));
    if (int status = check_workspace("grouped product", of.scratch, of.scratch_bytes, needed)) return status;
    Gemm gemm;
    cutlass::Status status = gemm.can_implement(made);
    if (status == cutlass::Status::kSuccess) status = gemm.initialize(made, of.scratch, of.stream);
    if (status == cutlass::Status::kSuccess) status = gemm.run(of.stream);
    if (status == cutlass::Status::kSuccess) return HEDDLE_OK;
    return fail(HEDDLE_INVALID, "grouped product: found CUTLASS status \"%s\" (%s), expected a launch",
                cutlassGetStatusString(status), cudaGetErrorString(cudaGetLastError()));
  }
};

template <class E, int WIDTH>
int hopper(const Launch& of) {
  switch (of.plan.mode) {
    case HEDDLE_FORWARD:
      return Hopper<E, Rows, Rows, WIDTH>::run(of);
    case HEDDLE_TRANSPOSED:
      return Hopper<E, Rows, Columns, WIDTH>::run(of);
    default:
      return Hopper<E, Columns, Rows, WIDTH>::run(of);
  }
}

}  // namespace heddle::cuda
