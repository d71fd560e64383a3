// Jobs from what JavaScript gives.
#include <stdlib.h>
#include <string.h>

#include "exchange.h"

enum { ALIGNMENT = 64 };

static size_t aligned(size_t bytes) { return (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1); }

tf_call* tf_call_of(tf_job* job) { return job->context; }

tf_job* tf_new_job(tf_job_kind kind, const tf_holder* holder, size_t numbers, size_t bytes) {
  size_t inputs = holder ? holder->input_count : 0;
  size_t outputs = holder ? holder->output_count : 0;
  const size_t parts[] = {aligned(sizeof(tf_job)),           aligned(sizeof(tf_call)),
                          aligned(inputs * sizeof(tf_input)), aligned(outputs * sizeof(tf_output)),
                          aligned(numbers * sizeof(int64_t)), aligned(bytes)};
  size_t total = ALIGNMENT;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) total += parts[i];
  // One piece, freed as one: the job lies at its start.
  char* memory = calloc(1, total);
  if (!memory) return NULL;
  tf_job* job = (tf_job*)memory;
  char* at = memory + parts[0];
  job->context = at;
  at += parts[1];
  job->inputs = (tf_input*)at;
  at += parts[2];
  job->outputs = (tf_output*)at;
  at += parts[3];
  job->kind = kind;
  job->output_count = outputs;
  if (inputs) {
    job->inputs->sizes = (int64_t*)at;
    job->inputs->data = (void*)aligned((size_t)(at + parts[4]));
  }
  return job;
}

void tf_free_job(napi_env env, tf_job* job) {
  if (job->kind == TF_RUN && job->succeeded)
    for (size_t i = 0; i < job->output_count; i++) tf_output_release(job->torch, &job->outputs[i]);
  if (env && tf_call_of(job)->data) napi_delete_reference(env, tf_call_of(job)->data);
  free(job->files.libtorch);
  free(job->files.library);
  free(job->files.weights);
  free(job);
}

/// From JavaScript's memory. A bool that is neither 0 nor 1 is undefined in C++.
static void copy_elements(void* to, const void* from, size_t bytes, int dtype) {
  if (strcmp(tf_dtype_names[dtype], "bool") == 0)
    for (size_t i = 0; i < bytes; i++) ((uint8_t*)to)[i] = ((const uint8_t*)from)[i] != 0;
  else if (bytes > 0 && to != from)
    memcpy(to, from, bytes);
}

/// Bytes of a tensor; SIZE_MAX where they do not fit a number.
static size_t byte_count(int dtype, const int64_t* sizes, int rank) {
  size_t bytes = tf_dtype_bytes[dtype];
  for (int axis = 0; axis < rank; axis++) {
    if (sizes[axis] < 0 || (sizes[axis] > 0 && bytes > SIZE_MAX / 2 / (size_t)sizes[axis])) return SIZE_MAX;
    bytes *= (size_t)sizes[axis];
  }
  return bytes;
}

bool tf_read_exchange(tf_holder* holder, tf_input* inputs, int64_t* sizes, size_t* used, tf_error* error) {
  const double* header = (const double*)holder->exchange;
  size_t count = (size_t)header[0];
  if (!holder->is_loaded || count != holder->input_count || count > TF_EXCHANGE_TENSORS)
    return tf_fail(error, "ARGUMENT", "the model takes %zu inputs, got %zu", holder->input_count, count);
  size_t at = 1, numbers = 0;
  *used = TF_EXCHANGE_HEADER;
  for (size_t i = 0; i < count; i++) {
    int dtype = (int)header[at++];
    size_t offset = (size_t)header[at++];
    int rank = (int)header[at++];
    if (dtype < 0 || dtype >= TF_DTYPE_COUNT || rank < 0 || rank > TF_MAX_RANK || at + (size_t)rank > TF_EXCHANGE_NUMBERS)
      return tf_fail(error, "ARGUMENT", "input %zu cannot be read", i);
    inputs[i] = (tf_input){dtype, rank, sizes + numbers, holder->exchange + offset};
    for (int axis = 0; axis < rank; axis++) sizes[numbers++] = (int64_t)header[at++];
    size_t bytes = byte_count(dtype, inputs[i].sizes, rank);
    if (offset > holder->exchange_size || bytes > holder->exchange_size - offset)
      return tf_fail(error, "ARGUMENT", "input %zu cannot be read", i);
    copy_elements(inputs[i].data, inputs[i].data, bytes, dtype);
    if (offset + aligned(bytes) > *used) *used = offset + aligned(bytes);
  }
  return true;
}

tf_job* tf_job_from_exchange(tf_holder* holder, tf_error* error) {
  tf_input inputs[TF_EXCHANGE_TENSORS];
  int64_t sizes[TF_EXCHANGE_NUMBERS];
  size_t used = 0;
  if (!tf_read_exchange(holder, inputs, sizes, &used, error)) return NULL;
  size_t numbers = 0;
  for (size_t i = 0; i < holder->input_count; i++) numbers += (size_t)inputs[i].rank;
  tf_job* job = tf_new_job(TF_RUN, holder, numbers, used - TF_EXCHANGE_HEADER);
  if (!job) {
    tf_fail(error, "OUT_OF_MEMORY", "memory could not be had");
    return NULL;
  }
  if (holder->input_count == 0) return job;
  int64_t* own_sizes = (int64_t*)job->inputs->sizes;
  uint8_t* own_data = job->inputs->data;
  memcpy(own_sizes, sizes, numbers * sizeof *sizes);
  memcpy(own_data, holder->exchange + TF_EXCHANGE_HEADER, used - TF_EXCHANGE_HEADER);
  for (size_t i = 0; i < holder->input_count; i++) {
    size_t offset = (size_t)((uint8_t*)inputs[i].data - holder->exchange) - TF_EXCHANGE_HEADER;
    job->inputs[i] = (tf_input){inputs[i].dtype, inputs[i].rank, own_sizes + (inputs[i].sizes - sizes), own_data + offset};
  }
  return job;
}

static bool typed_array(napi_env env, napi_value value, void** data, size_t* bytes) {
  static const uint8_t widths[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  napi_typedarray_type type;
  size_t length = 0;
  if (napi_get_typedarray_info(env, value, &type, &length, data, NULL, NULL) != napi_ok) return false;
  if ((size_t)type >= sizeof widths) return false;
  *bytes = length * widths[type];
  return true;
}

tf_job* tf_job_from_arrays(napi_env env, tf_holder* holder, const napi_value* args, tf_error* error) {
  uint32_t count = 0, data_count = 0;
  if (!holder->is_loaded || napi_get_array_length(env, args[0], &count) != napi_ok ||
      napi_get_array_length(env, args[2], &data_count) != napi_ok || count != holder->input_count || data_count != count) {
    tf_fail(error, "ARGUMENT", "the model takes %zu inputs, got %u", holder->input_count, count);
    return NULL;
  }
  size_t numbers = 0, copied = 0;
  for (uint32_t i = 0; i < count; i++) {
    napi_value shape, code, data;
    uint32_t rank = 0, dtype = TF_DTYPE_COUNT;
    void* start;
    size_t bytes = 0;
    napi_get_element(env, args[0], i, &code);
    napi_get_element(env, args[1], i, &shape);
    napi_get_element(env, args[2], i, &data);
    napi_get_value_uint32(env, code, &dtype);
    if (napi_get_array_length(env, shape, &rank) != napi_ok || rank > TF_MAX_RANK || dtype >= TF_DTYPE_COUNT ||
        !typed_array(env, data, &start, &bytes)) {
      tf_fail(error, "ARGUMENT", "input %u is not a tensor that libtorch can take", i);
      return NULL;
    }
    numbers += rank;
    if (strcmp(tf_dtype_names[dtype], "bool") == 0) copied += aligned(bytes);
  }
  tf_job* job = tf_new_job(TF_RUN, holder, numbers, copied);
  if (!job) {
    tf_fail(error, "OUT_OF_MEMORY", "memory could not be had");
    return NULL;
  }
  if (count == 0) return job;
  int64_t* sizes = (int64_t*)job->inputs->sizes;
  uint8_t* room = job->inputs->data;
  for (uint32_t i = 0; i < count; i++) {
    napi_value shape, code, data;
    uint32_t rank = 0, dtype = 0;
    void* start = NULL;
    size_t bytes = 0;
    napi_get_element(env, args[0], i, &code);
    napi_get_element(env, args[1], i, &shape);
    napi_get_element(env, args[2], i, &data);
    napi_get_value_uint32(env, code, &dtype);
    napi_get_array_length(env, shape, &rank);
    typed_array(env, data, &start, &bytes);
    for (uint32_t axis = 0; axis < rank; axis++) {
      napi_value size;
      sizes[axis] = -1;
      napi_get_element(env, shape, axis, &size);
      napi_get_value_int64(env, size, &sizes[axis]);
    }
    if (byte_count((int)dtype, sizes, (int)rank) != bytes) {
      tf_fail(error, "ARGUMENT", "input %u has %zu bytes of data, which its shape does not hold", i, bytes);
      tf_free_job(env, job);
      return NULL;
    }
    if (strcmp(tf_dtype_names[dtype], "bool") == 0) {
      copy_elements(room, start, bytes, (int)dtype);
      start = room;
      room += aligned(bytes);
    }
    job->inputs[i] = (tf_input){(int)dtype, (int)rank, sizes, start};
    sizes += rank;
  }
  napi_create_reference(env, args[2], 1, &tf_call_of(job)->data);
  return job;
}
