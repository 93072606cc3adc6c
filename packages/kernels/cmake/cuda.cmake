# libheddle_kernels_cuda, built if HEDDLE_CUDA is ON, in CMake or in the environment; see docs/decisions/0005.
#
# HEDDLE_CUDA_TARGETS: what to make machine code for, as numbers of CMAKE_CUDA_ARCHITECTURES without "-real"; "+ptx" after one
# adds its PTX, which later devices compile on their own. 90a is for the kernels with wgmma and goes without saying.
if("$ENV{HEDDLE_CUDA}" MATCHES "^(1|ON|on|true)$")
  set(HEDDLE_CUDA_DEFAULT ON)
else()
  set(HEDDLE_CUDA_DEFAULT OFF)
endif()
option(HEDDLE_CUDA "Build libheddle_kernels_cuda" ${HEDDLE_CUDA_DEFAULT})
set(HEDDLE_CUDA_TARGETS "80;90+ptx;100" CACHE STRING "Devices to build for, e.g. 80;90+ptx")
set(HEDDLE_CUDA_FLAGS "" CACHE STRING "More flags of nvcc for all units but those with wgmma")
set(HEDDLE_CUTLASS "$ENV{HEDDLE_CUTLASS}" CACHE PATH "Folder of CUTLASS's headers; by default that of nvidia-cutlass")
if(NOT HEDDLE_CUDA)
  return()
endif()

find_program(NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATH_SUFFIXES bin)
if(NOT NVCC AND NOT CMAKE_CUDA_COMPILER)
  message(FATAL_ERROR "HEDDLE_CUDA: found no nvcc, expected the CUDA toolkit; put nvcc on PATH or leave HEDDLE_CUDA off")
endif()
enable_language(CUDA)
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
set(CMAKE_CUDA_FLAGS_RELEASE "-O3 -DNDEBUG")

if(NOT HEDDLE_CUTLASS)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -c
            "import importlib.util as u; s = u.find_spec('cutlass_library'); print(s.submodule_search_locations[0] if s else '')"
    OUTPUT_VARIABLE package OUTPUT_STRIP_TRAILING_WHITESPACE)
  set(HEDDLE_CUTLASS "${package}/source/include")
endif()
if(NOT EXISTS "${HEDDLE_CUTLASS}/cutlass/cutlass.h")
  message(FATAL_ERROR "HEDDLE_CUDA: found no CUTLASS in '${HEDDLE_CUTLASS}', expected its headers; "
                      "pip install nvidia-cutlass==4.2.0.0, or set HEDDLE_CUTLASS")
endif()

set(targets "")
set(named "sm_90a")
foreach(target ${HEDDLE_CUDA_TARGETS})
  string(REPLACE "+ptx" "" number ${target})
  list(APPEND targets ${number}-real)
  string(APPEND named " sm_${number}")
  if(target MATCHES "ptx")
    list(APPEND targets ${number}-virtual)
    string(APPEND named " compute_${number}")
  endif()
endforeach()

set(cuda ${CMAKE_CURRENT_SOURCE_DIR}/native/cuda)
file(GLOB CUDA_UNITS CONFIGURE_DEPENDS ${cuda}/host/*.cpp ${cuda}/xla/*.cpp ${cuda}/targets.cpp ${cuda}/ops/*.cu ${cuda}/gemm/*.cu)
list(FILTER CUDA_UNITS EXCLUDE REGEX "/host/reference\\.cpp$") # for tests without a device
file(GLOB HOPPER_UNITS CONFIGURE_DEPENDS ${cuda}/gemm/hopper.cu)
list(REMOVE_ITEM CUDA_UNITS ${HOPPER_UNITS})

add_library(heddle_cuda_settings INTERFACE)
target_include_directories(heddle_cuda_settings INTERFACE native/include)
target_include_directories(heddle_cuda_settings SYSTEM INTERFACE ${HEDDLE_CUTLASS} native/third_party)
target_compile_options(heddle_cuda_settings INTERFACE
                       $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr -Xcompiler=-fvisibility=hidden>)

add_library(heddle_hopper OBJECT ${HOPPER_UNITS}) # wgmma is in no other target's instructions
add_library(heddle_kernels_cuda SHARED ${CUDA_UNITS} $<TARGET_OBJECTS:heddle_hopper>)
target_link_libraries(heddle_hopper PRIVATE heddle_cuda_settings)
target_link_libraries(heddle_kernels_cuda PRIVATE heddle_cuda_settings)
set_target_properties(heddle_hopper PROPERTIES CUDA_ARCHITECTURES 90a-real POSITION_INDEPENDENT_CODE ON)
set_target_properties(heddle_kernels_cuda PROPERTIES CUDA_ARCHITECTURES "${targets}" LINK_DEPENDS ${cuda}/exports.map)
target_compile_definitions(heddle_kernels_cuda PRIVATE HEDDLE_CUDA_TARGETS="${named}")
target_compile_options(heddle_kernels_cuda PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:${HEDDLE_CUDA_FLAGS}>)
target_link_options(heddle_kernels_cuda PRIVATE -static-libstdc++ -static-libgcc LINKER:--no-undefined
                    LINKER:--version-script=${cuda}/exports.map)
install(TARGETS heddle_kernels_cuda LIBRARY DESTINATION .)
