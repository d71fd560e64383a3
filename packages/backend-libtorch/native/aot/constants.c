#include "constants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64 };

bool tf_read_weights(tf_model* model, const char* path, tf_error* error) {
  if (!path) return true;
  if (!model->update_from_blob)
    return tf_fail(error, "NOT_A_MODEL", "the model's library has no AOTInductorModelUpdateConstantsFromBlob");
  FILE* file = fopen(path, "rb");
  if (!file) return tf_fail(error, "NOT_FOUND", "the weights %s cannot be opened", path);
  bool ready = false;
  long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
  if (size < 0 || fseek(file, 0, SEEK_SET) != 0) {
    tf_fail(error, "NOT_FOUND", "the weights %s cannot be read", path);
  } else if (!(model->weights_memory = malloc((size_t)size + ALIGNMENT))) {
    tf_fail(error, "OUT_OF_MEMORY", "%ld bytes of weights find no memory", size);
  } else {
    uintptr_t start = ((uintptr_t)model->weights_memory + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
    model->weights = (const uint8_t*)start;
    ready = fread((void*)start, 1, (size_t)size, file) == (size_t)size ||
            tf_fail(error, "NOT_FOUND", "the weights %s cannot be read", path);
  }
  fclose(file);
  return ready;
}

bool tf_check_weights(tf_model* model, tf_error* error) {
  size_t count = 0;
  if (model->weights || model->count_constants(model->container, &count) != 0 || count == 0) return true;
  // A model without its weights has one byte there; one whose weights follow at the end of its file has two numbers.
  if (!model->embedded_start || !model->embedded_end || model->embedded_end - model->embedded_start >= 8) return true;
  return tf_fail(error, "NO_WEIGHTS", "the model was compiled without its weights");
}

static size_t element_bytes(const tf_torch* torch, int32_t dtype) {
  int code = tf_dtype_code(torch, dtype);
  // The widest there is, complex128.
  return code < 0 ? 16 : tf_dtype_bytes[code];
}

void tf_find_constants(tf_model* model) {
  free(model->constants);
  model->constants = NULL;
  model->constant_count = 0;
  model->knows_constants = false;
  size_t count = 0;
  if (model->count_constants(model->container, &count) != 0) return;
  for (size_t i = 0; i < count; i++) {
    bool folded = true;
    // A constant that the model computes for itself in its first run is in no list.
    if (!model->constant_is_folded || model->constant_is_folded(model->container, i, &folded) != 0 || folded) return;
  }
  const tf_constant_entry* entries = NULL;
  size_t listed = 0;
  if (count > 0) {
    if (!model->constant_entries || model->constant_entries(model->container, &entries, &listed, false) != 0) return;
    model->constants = calloc(listed ? listed : 1, sizeof *model->constants);
    if (!model->constants) return;
  }
  const tf_torch* torch = model->torch;
  for (size_t i = 0; i < listed; i++) {
    void* data = NULL;
    int64_t bytes = 0;
    int32_t dtype = 0;
    if (torch->get_data_ptr(entries[i].handle, &data) != 0 || torch->get_dtype(entries[i].handle, &dtype) != 0 ||
        torch->get_storage_size(entries[i].handle, &bytes) != 0)
      return;
    // Where in its storage a constant begins is not asked: the widest range in either direction is right as well.
    size_t reach = (size_t)bytes + element_bytes(torch, dtype);
    model->constants[model->constant_count++] = (tf_range){(const char*)data - reach, (const char*)data + reach};
  }
  model->knows_constants = true;
}
