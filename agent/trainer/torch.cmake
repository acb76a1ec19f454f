# LibTorch as imported targets of our own: find_package(Torch) of a CUDA wheel demands the whole CUDA toolkit, these
# need the wheel's own files only. Defines rsg_torch (libtorch_cpu + libc10) and, when the headers are there,
# rsg_torch_cuda (libtorch_cuda + libc10_cuda), RSG_TORCH (the folder), RSG_TORCH_VERSION and RSG_TORCH_CUDA_VERSION.
set(RSG_TORCH "${RSG_TORCH_DIR}")
if(NOT RSG_TORCH AND DEFINED ENV{RSG_TORCH_DIR})
  set(RSG_TORCH "$ENV{RSG_TORCH_DIR}")
endif()
if(NOT RSG_TORCH)
  file(GLOB found LIST_DIRECTORIES true ${CMAKE_SOURCE_DIR}/.deps/torch-*)
  list(SORT found COMPARE NATURAL ORDER DESCENDING)
  foreach(folder IN LISTS found)
    if(NOT RSG_TORCH AND EXISTS ${folder}/torch/lib/libtorch_cpu.so)
      set(RSG_TORCH ${folder})
    endif()
  endforeach()
endif()
if(NOT EXISTS "${RSG_TORCH}/torch/lib/libtorch_cpu.so" OR NOT EXISTS "${RSG_TORCH}/torch/include/ATen/ATen.h")
  message(FATAL_ERROR
    "LibTorch: no torch/lib/libtorch_cpu.so with its headers in '${RSG_TORCH}'. Run ./deploy/setup, which puts it into "
    ".deps/, or set RSG_TORCH_DIR to the folder that holds torch/ and nvidia/, or build without the trainer: "
    "-DRSG_TRAINER=OFF")
endif()
file(REAL_PATH "${RSG_TORCH}" RSG_TORCH)

file(STRINGS ${RSG_TORCH}/torch/version.py version_lines)
set(RSG_TORCH_VERSION "")
set(RSG_TORCH_CUDA_VERSION "")
foreach(line IN LISTS version_lines)
  if(line MATCHES "^__version__ = '([0-9.]+)")
    set(RSG_TORCH_VERSION ${CMAKE_MATCH_1})
  elseif(line MATCHES "^cuda: [^=]*= '([0-9.]+)'")
    set(RSG_TORCH_CUDA_VERSION ${CMAKE_MATCH_1})
  endif()
endforeach()
set(RSG_TORCH_BUILT_WITH "${RSG_TORCH_VERSION}" CACHE INTERNAL "Version of LibTorch; read by deploy/bundle and tests")
set(RSG_TORCH_FOUND_IN "${RSG_TORCH}" CACHE INTERNAL "The folder that holds torch/; read by tests")
message(STATUS "LibTorch ${RSG_TORCH_VERSION} (CUDA ${RSG_TORCH_CUDA_VERSION}) in ${RSG_TORCH}")

function(rsg_torch_library name)
  add_library(${name} SHARED IMPORTED)
  set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${RSG_TORCH}/torch/lib/lib${name}.so)
endfunction()
rsg_torch_library(c10)
rsg_torch_library(torch_cpu)
add_library(rsg_torch INTERFACE)
target_include_directories(rsg_torch SYSTEM INTERFACE ${RSG_TORCH}/torch/include
                                                      ${RSG_TORCH}/torch/include/torch/csrc/api/include)
target_link_libraries(rsg_torch INTERFACE torch_cpu c10)
# What libtorch_cpu.so itself needs (cudart, cupti) is found at run time by its own RPATH.
target_link_options(rsg_torch INTERFACE -Wl,--allow-shlib-undefined)

# The CUDA side compiles with the headers of two small wheels (cudart, crt); no toolkit, no nvcc.
file(GLOB cudart_headers ${RSG_TORCH}/nvidia/cu*/include/cuda_runtime_api.h
                         ${RSG_TORCH}/nvidia/cuda_runtime/include/cuda_runtime_api.h)
file(GLOB crt_headers ${RSG_TORCH}/nvidia/cu*/include/crt/host_defines.h
                      ${RSG_TORCH}/nvidia/cuda_*/include/crt/host_defines.h)
file(GLOB cudart_library ${RSG_TORCH}/nvidia/cu*/lib/libcudart.so.* ${RSG_TORCH}/nvidia/cuda_runtime/lib/libcudart.so.*)
if(cudart_headers AND crt_headers AND cudart_library AND EXISTS ${RSG_TORCH}/torch/lib/libtorch_cuda.so)
  list(GET cudart_headers 0 cudart_headers)
  list(GET crt_headers 0 crt_headers)
  list(GET cudart_library 0 cudart_library)
  cmake_path(GET cudart_headers PARENT_PATH cudart_include)
  cmake_path(GET crt_headers PARENT_PATH crt_folder)
  cmake_path(GET crt_folder PARENT_PATH crt_include)
  rsg_torch_library(c10_cuda)
  rsg_torch_library(torch_cuda)
  add_library(rsg_torch_cuda INTERFACE)
  target_include_directories(rsg_torch_cuda SYSTEM INTERFACE ${cudart_include} ${crt_include})
  target_link_libraries(rsg_torch_cuda INTERFACE torch_cuda c10_cuda ${cudart_library} rsg_torch)
endif()
