// What a model's library exports, and where its weights are.
#pragma once

#include "model.h"

typedef struct tf_range {
  const char* start;
  const char* end;
} tf_range;

/// As torch/csrc/inductor/aoti_runtime/interface.h has it.
typedef struct tf_constant_entry {
  const char* name;
  tf_handle handle;
} tf_constant_entry;

struct tf_model {
  const tf_torch* torch;
  void* library;
  void* container;
  size_t inputs;
  size_t outputs;
  /// Room for the handles of one run.
  tf_handle* handles;
  /// Memory of the weights: an output in there is not the caller's.
  tf_range* constants;
  size_t constant_count;
  bool knows_constants;
  /// Weights from beside the library, at a multiple of 64 bytes.
  void* weights_memory;
  const uint8_t* weights;

  int32_t (*create_with_device)(void** container, size_t models, const char* device, const char* kernels);
  int32_t (*create)(void** container, size_t models, bool is_cpu, const char* kernels);
  int32_t (*delete_container)(void* container);
  int32_t (*run)(void* container, tf_handle* inputs, size_t input_count, tf_handle* outputs, size_t output_count,
                 void* stream, void* proxy);
  int32_t (*run_locked)(void* container, tf_handle* inputs, size_t input_count, tf_handle* outputs, size_t output_count,
                        void* stream, void* proxy);
  int32_t (*count_inputs)(void* container, size_t* count);
  int32_t (*count_outputs)(void* container, size_t* count);
  int32_t (*input_name)(void* container, size_t index, const char** name);
  int32_t (*last_error)(const char** text);
  int32_t (*count_constants)(void* container, size_t* count);
  int32_t (*constant_is_folded)(void* container, size_t index, bool* folded);
  int32_t (*constant_entries)(void* container, const tf_constant_entry** entries, size_t* count, bool inactive);
  int32_t (*update_from_blob)(void* container, const uint8_t* blob);
  const char* embedded_start;
  const char* embedded_end;
};

/// Reads the file beside the library, if there is one.
bool tf_read_weights(tf_model* model, const char* path, tf_error* error);
/// Refuses a model that was compiled without its weights: it would read memory that is not there.
bool tf_check_weights(tf_model* model, tf_error* error);
/// Notes which memory is the weights'.
void tf_find_constants(tf_model* model);
