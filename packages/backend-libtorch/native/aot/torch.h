// libtorch's C interface, looked up by name in the library that the user has: nothing of it is linked.
#pragma once

#include <stddef.h>

#include "platform.h"

typedef struct tf_aten_tensor* tf_handle;

/// Element types, by the codes that JavaScript uses.
enum { TF_DTYPE_COUNT = 10 };
extern const char* const tf_dtype_names[TF_DTYPE_COUNT];
extern const uint8_t tf_dtype_bytes[TF_DTYPE_COUNT];

/// Signatures as in torch/csrc/inductor/aoti_torch/c/shim.h; every int32_t result is 0 for success.
typedef struct tf_torch {
  int32_t (*create_tensor_from_blob)(void* data, int64_t rank, const int64_t* sizes, const int64_t* strides,
                                     int64_t offset, int32_t dtype, int32_t device_type, int32_t device_index,
                                     tf_handle* result);
  int32_t (*delete_tensor)(tf_handle tensor);
  int32_t (*new_handle)(tf_handle tensor, tf_handle* result);
  int32_t (*get_data_ptr)(tf_handle tensor, void** data);
  int32_t (*get_storage_size)(tf_handle tensor, int64_t* bytes);
  int32_t (*get_dim)(tf_handle tensor, int64_t* rank);
  int32_t (*get_sizes)(tf_handle tensor, int64_t** sizes);
  int32_t (*get_strides)(tf_handle tensor, int64_t** strides);
  int32_t (*get_dtype)(tf_handle tensor, int32_t* dtype);
  int32_t (*get_device_type)(tf_handle tensor, int32_t* type);
  /// Thread-local text of the last failure; null in older libtorch.
  const char* (*exception_text)(void);
  /// at::set_num_threads, or omp_set_num_threads where that is not there; null: neither.
  void (*set_threads)(int threads);
  int32_t (*get_threads)(uint32_t* threads);
  /// OpenMP's own, of the calling thread; null: not there.
  int (*openmp_threads)(void);
  void (*set_openmp_threads)(int threads);
  int32_t cpu;
  int32_t dtypes[TF_DTYPE_COUNT];
} tf_torch;

/// Opens libtorch_cpu by absolute path, once in a process; another path is refused.
/// @returns null with the reason in `error`
const tf_torch* tf_torch_open(const char* path, tf_error* error);

/// Code of a libtorch element type; -1: one that JavaScript has no form for.
int tf_dtype_code(const tf_torch* torch, int32_t dtype);

/// Makes the calling thread's parallel regions have so many threads.
void tf_use_threads(const tf_torch* torch, int threads);
/// One thread for a run on the caller's thread. Returns OpenMP's number before, for tf_put_threads.
int tf_take_one_thread(const tf_torch* torch);
void tf_put_threads(const tf_torch* torch, int before);
