#include "outputs.h"

#include <stdlib.h>
#include <string.h>

static bool libtorch_failed(const tf_torch* torch, size_t index, tf_error* error) {
  const char* text = torch->exception_text ? torch->exception_text() : NULL;
  return tf_fail(error, NULL, "output %zu could not be read%s%s", index, text ? ": " : "", text ? text : "");
}

static bool overlaps(const char* start, size_t bytes, tf_range range) {
  return start < range.end && range.start < start + bytes;
}

static size_t input_bytes(const tf_input* input) {
  size_t bytes = tf_dtype_bytes[input->dtype];
  for (int axis = 0; axis < input->rank; axis++) bytes *= (size_t)input->sizes[axis];
  return bytes;
}

/// Whether nothing else than this tensor will touch its memory.
static bool is_alone(const tf_model* model, const tf_input* inputs, const tf_output* outputs, size_t index) {
  const tf_output* output = &outputs[index];
  if (!model->knows_constants) return false;
  for (size_t i = 0; i < model->constant_count; i++)
    if (overlaps(output->data, output->bytes, model->constants[i])) return false;
  for (size_t i = 0; i < model->inputs; i++) {
    const char* start = inputs[i].data;
    if (overlaps(output->data, output->bytes, (tf_range){start, start + input_bytes(&inputs[i])})) return false;
  }
  for (size_t i = 0; i < index; i++) {
    const char* start = outputs[i].data;
    if (overlaps(output->data, output->bytes, (tf_range){start, start + outputs[i].bytes})) return false;
  }
  return true;
}

static void copy_strided(char* to, const char* from, const tf_output* output, const int64_t* strides, size_t element) {
  int64_t at[TF_MAX_RANK] = {0};
  size_t count = output->bytes / element;
  int last = output->rank - 1;
  const char* source = from;
  for (size_t done = 0; done < count;) {
    // The innermost axis in one loop.
    int64_t step = strides[last] * (int64_t)element;
    for (int64_t i = 0; i < output->sizes[last]; i++, to += element) memcpy(to, source + i * step, element);
    done += (size_t)output->sizes[last];
    for (int axis = last - 1; axis >= 0; axis--) {
      source += strides[axis] * (int64_t)element;
      if (++at[axis] < output->sizes[axis]) break;
      source -= strides[axis] * (int64_t)element * output->sizes[axis];
      at[axis] = 0;
    }
  }
}

static bool take(const tf_model* model, const tf_input* inputs, tf_handle* result, tf_output* outputs, size_t index,
                 tf_error* error) {
  const tf_torch* torch = model->torch;
  tf_output* output = &outputs[index];
  int64_t rank = 0, storage = 0;
  int64_t *sizes = NULL, *strides = NULL;
  int32_t dtype = 0, device = 0;
  void* data = NULL;
  if (!*result) return tf_fail(error, NULL, "the model gave no output %zu", index);
  if (torch->get_dtype(*result, &dtype) != 0 || torch->get_dim(*result, &rank) != 0 ||
      torch->get_sizes(*result, &sizes) != 0 || torch->get_strides(*result, &strides) != 0 ||
      torch->get_device_type(*result, &device) != 0 || torch->get_data_ptr(*result, &data) != 0 ||
      torch->get_storage_size(*result, &storage) != 0)
    return libtorch_failed(torch, index, error);
  output->dtype = tf_dtype_code(torch, dtype);
  if (output->dtype < 0)
    return tf_fail(error, "UNSUPPORTED", "output %zu has an element type that has no form in JavaScript (complex, uint16 to uint64, float8)", index);
  if (device != torch->cpu) return tf_fail(error, "UNSUPPORTED", "output %zu is not on the CPU", index);
  if (rank > TF_MAX_RANK) return tf_fail(error, "UNSUPPORTED", "output %zu has %lld dimensions", index, (long long)rank);

  size_t element = tf_dtype_bytes[output->dtype];
  output->rank = (int)rank;
  output->bytes = element;
  bool dense = true;
  int64_t stride = 1;
  for (int axis = (int)rank - 1; axis >= 0; axis--) {
    output->sizes[axis] = sizes[axis];
    output->bytes *= (size_t)sizes[axis];
    if (sizes[axis] > 1 && strides[axis] != stride) dense = false;
    stride *= sizes[axis];
  }
  output->data = data;
  if (output->bytes == 0) return true;
  // A small part of a large storage would keep all of it.
  if (dense && storage <= 2 * (int64_t)output->bytes + 4096 && is_alone(model, inputs, outputs, index)) {
    output->tensor = *result;
    *result = NULL;
    return true;
  }
  // Now, on this thread: the next run may write to it.
  output->owned = malloc(output->bytes);
  if (!output->owned) return tf_fail(error, "OUT_OF_MEMORY", "%zu bytes of output %zu find no memory", output->bytes, index);
  if (dense)
    memcpy(output->owned, data, output->bytes);
  else
    copy_strided(output->owned, data, output, strides, element);
  output->data = output->owned;
  return true;
}

bool tf_take_outputs(const tf_model* model, const tf_input* inputs, tf_handle* results, tf_output* outputs,
                     tf_error* error) {
  memset(outputs, 0, model->outputs * sizeof *outputs);
  for (size_t i = 0; i < model->outputs; i++) {
    if (take(model, inputs, &results[i], outputs, i, error)) continue;
    for (size_t taken = 0; taken <= i; taken++) tf_output_release(model->torch, &outputs[taken]);
    return false;
  }
  return true;
}

void tf_output_release(const tf_torch* torch, tf_output* output) {
  if (output->tensor) torch->delete_tensor(output->tensor);
  free(output->owned);
  output->tensor = NULL;
  output->owned = NULL;
}
