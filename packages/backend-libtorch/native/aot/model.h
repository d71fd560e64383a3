// A compiled model: its own library, the container in it, and one run at a time.
#pragma once

#include "torch.h"

enum { TF_MAX_RANK = 64 };

typedef struct tf_input {
  int dtype;
  int rank;
  const int64_t* sizes;
  /// Dense, row-major; only read, and only while the run lasts.
  void* data;
} tf_input;

/// A result: dense memory that nothing else reads or writes, `owned` by this library, or kept by `tensor`.
typedef struct tf_output {
  int dtype;
  int rank;
  int64_t sizes[TF_MAX_RANK];
  size_t bytes;
  void* data;
  tf_handle tensor;
  void* owned;
} tf_output;

typedef struct tf_model tf_model;

typedef struct tf_model_files {
  char* libtorch;
  char* library;
  /// Weights beside the library; null: inside.
  char* weights;
} tf_model_files;

tf_model* tf_model_load(const tf_model_files* files, tf_error* error);
void tf_model_free(tf_model* model);
/// Puts the constants back to what the file holds.
bool tf_model_reset(tf_model* model, tf_error* error);

const tf_torch* tf_model_torch(const tf_model* model);
size_t tf_model_input_count(const tf_model* model);
size_t tf_model_output_count(const tf_model* model);
/// The compiler's name, such as `arg0_1`; empty: not known.
const char* tf_model_input_name(const tf_model* model, size_t index);

/// @param inputs - as many as the model takes
/// @param outputs - room for as many as it gives; to be released by the caller when this returns true
bool tf_model_run(tf_model* model, const tf_input* inputs, tf_output* outputs, tf_error* error);
void tf_output_release(const tf_torch* torch, tf_output* output);
