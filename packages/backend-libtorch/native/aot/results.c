// Outputs as JavaScript has them, and errors.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "exchange.h"

/// A finalizer costs more than a copy of less.
enum { SMALLEST_SHARED = 256 * 1024 };
/// Memory that the garbage collector does not see grows until it runs: past this, outputs are copied.
enum { MOST_SHARED = 256 * 1024 * 1024 };

static atomic_size_t shared_bytes = 0;

typedef struct tf_shared {
  const tf_torch* torch;
  tf_output output;
} tf_shared;

static void free_shared(napi_env env, void* data, void* hint) {
  (void)env;
  (void)data;
  tf_shared* shared = hint;
  atomic_fetch_sub(&shared_bytes, shared->output.bytes);
  tf_output_release(shared->torch, &shared->output);
  free(shared);
}

static bool share(napi_env env, const tf_torch* torch, tf_output* output, napi_value* buffer) {
  if (output->bytes < SMALLEST_SHARED || atomic_load(&shared_bytes) + output->bytes > MOST_SHARED) return false;
  tf_shared* shared = malloc(sizeof *shared);
  if (!shared) return false;
  *shared = (tf_shared){torch, *output};
  atomic_fetch_add(&shared_bytes, output->bytes);
  if (napi_create_external_arraybuffer(env, output->data, output->bytes, free_shared, shared, buffer) == napi_ok) {
    output->tensor = NULL;
    output->owned = NULL;
    return true;
  }
  // Not every runtime has buffers outside of its own memory.
  atomic_fetch_sub(&shared_bytes, output->bytes);
  free(shared);
  return false;
}

static bool copy(napi_env env, const tf_output* output, napi_value* buffer) {
  void* data = NULL;
  if (napi_create_arraybuffer(env, output->bytes, &data, buffer) != napi_ok) return false;
  if (output->bytes > 0) memcpy(data, output->data, output->bytes);
  return true;
}

bool tf_results(napi_env env, const tf_holder* holder, const tf_torch* torch, tf_output* outputs, bool may_share,
                napi_value* result, tf_error* error) {
  napi_create_array_with_length(env, holder->output_count, result);
  for (size_t i = 0; i < holder->output_count; i++) {
    napi_value one, code, shape, buffer;
    tf_output* output = &outputs[i];
    if (!(may_share && holder->shares && share(env, torch, output, &buffer)) && !copy(env, output, &buffer)) {
      napi_value ignored;
      napi_get_and_clear_last_exception(env, &ignored);
      return tf_fail(error, "OUT_OF_MEMORY", "%zu bytes of output %zu find no memory", output->bytes, i);
    }
    napi_create_uint32(env, (uint32_t)output->dtype, &code);
    napi_create_array_with_length(env, (size_t)output->rank, &shape);
    for (int axis = 0; axis < output->rank; axis++) {
      napi_value size;
      napi_create_double(env, (double)output->sizes[axis], &size);
      napi_set_element(env, shape, (uint32_t)axis, size);
    }
    napi_create_array_with_length(env, 3, &one);
    napi_set_element(env, one, 0, code);
    napi_set_element(env, one, 1, shape);
    napi_set_element(env, one, 2, buffer);
    napi_set_element(env, *result, (uint32_t)i, one);
  }
  return true;
}

bool tf_results_to_exchange(tf_holder* holder, const tf_output* outputs, size_t used) {
  size_t offset = used, numbers = 1;
  for (size_t i = 0; i < holder->output_count; i++) {
    offset += (outputs[i].bytes + 63) & ~(size_t)63;
    numbers += 3 + (size_t)outputs[i].rank;
  }
  if (offset > holder->exchange_size || numbers > TF_EXCHANGE_NUMBERS) return false;
  double* header = (double*)holder->exchange;
  size_t at = 0;
  offset = used;
  header[at++] = (double)holder->output_count;
  for (size_t i = 0; i < holder->output_count; i++) {
    header[at++] = outputs[i].dtype;
    header[at++] = (double)offset;
    header[at++] = outputs[i].rank;
    for (int axis = 0; axis < outputs[i].rank; axis++) header[at++] = (double)outputs[i].sizes[axis];
    if (outputs[i].bytes > 0) memcpy(holder->exchange + offset, outputs[i].data, outputs[i].bytes);
    offset += (outputs[i].bytes + 63) & ~(size_t)63;
  }
  return true;
}

napi_value tf_error_value(napi_env env, const tf_error* error) {
  napi_value text, value, kind;
  if (napi_create_string_utf8(env, error->text, NAPI_AUTO_LENGTH, &text) != napi_ok) napi_get_undefined(env, &text);
  napi_create_error(env, NULL, text, &value);
  if (error->kind) {
    napi_create_string_utf8(env, error->kind, NAPI_AUTO_LENGTH, &kind);
    napi_set_named_property(env, value, "kind", kind);
  }
  return value;
}

napi_value tf_throw(napi_env env, const char* kind, const char* text) {
  tf_error error;
  tf_fail(&error, kind, "%s", text);
  napi_throw(env, tf_error_value(env, &error));
  return NULL;
}

char* tf_string(napi_env env, napi_value value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) return NULL;
  char* text = malloc(length + 1);
  if (text) napi_get_value_string_utf8(env, value, text, length + 1, &length);
  return text;
}
