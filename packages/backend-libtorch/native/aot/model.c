#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "constants.h"
#include "outputs.h"

static bool container_failed(const tf_model* model, const char* what, tf_error* error) {
  const char* own = NULL;
  if (model->last_error) model->last_error(&own);
  const char* shim = model->torch->exception_text ? model->torch->exception_text() : NULL;
  bool has_own = own && *own;
  // The container only says where a call into libtorch failed; libtorch says why.
  if (has_own && strstr(own, "API call failed") && shim && *shim) return tf_fail(error, NULL, "%s", shim);
  return tf_fail(error, NULL, "%s", has_own ? own : what);
}

static bool create_container(tf_model* model, tf_error* error) {
  int32_t status = model->create_with_device
                       ? model->create_with_device(&model->container, 1, "cpu", NULL)
                       : model->create(&model->container, 1, true, NULL);
  if (status != 0 || !model->container) return container_failed(model, "the container could not be made", error);
  if (model->weights && model->update_from_blob(model->container, model->weights) != 0)
    return container_failed(model, "the weights could not be set", error);
  tf_find_constants(model);
  return true;
}

static bool resolve(tf_model* model, tf_error* error) {
  struct {
    void* slot;
    const char* name;
    bool needed;
  } wanted[] = {
      {&model->create_with_device, "AOTInductorModelContainerCreateWithDevice", false},
      {&model->create, "AOTInductorModelContainerCreate", true},
      {&model->delete_container, "AOTInductorModelContainerDelete", true},
      // One run at a time in a container: the variant without locks, which older compilers did not write.
      {&model->run, "AOTInductorModelContainerRunSingleThreaded", false},
      {&model->run_locked, "AOTInductorModelContainerRun", true},
      {&model->count_inputs, "AOTInductorModelContainerGetNumInputs", true},
      {&model->count_outputs, "AOTInductorModelContainerGetNumOutputs", true},
      {&model->input_name, "AOTInductorModelContainerGetInputName", false},
      {&model->last_error, "AOTInductorGetLastError", false},
      {&model->count_constants, "AOTInductorModelContainerGetNumConstants", true},
      {&model->constant_is_folded, "AOTInductorModelContainerGetConstantFromFolded", false},
      {&model->constant_entries, "AOTInductorModelContainerExtractConstantsMapEntries", false},
      {&model->update_from_blob, "AOTInductorModelUpdateConstantsFromBlob", false},
      {&model->embedded_start, "_binary_constants_bin_start", false},
      {&model->embedded_end, "_binary_constants_bin_end", false},
  };
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    void* symbol = tf_library_symbol(model->library, wanted[i].name);
    if (!symbol && wanted[i].needed) return tf_fail(error, "NOT_A_MODEL", "the model's library has no %s", wanted[i].name);
    memcpy(wanted[i].slot, &symbol, sizeof symbol);
  }
  if (!model->run) model->run = model->run_locked;
  return true;
}

tf_model* tf_model_load(const tf_model_files* files, tf_error* error) {
  const tf_torch* torch = tf_torch_open(files->libtorch, error);
  if (!torch) return NULL;
  tf_model* model = calloc(1, sizeof *model);
  if (!model) {
    tf_fail(error, "OUT_OF_MEMORY", "memory could not be had");
    return NULL;
  }
  model->torch = torch;
  // It stays open: its symbols are unique in the process, which makes the loader keep it, and threads of a team may still
  // be inside. The same file loaded again is the same library.
  model->library = tf_library_open(files->library, false, error);
  bool ready = false;
  if (!model->library) {
    error->kind = "MODEL_LIBRARY";
  } else {
    ready = resolve(model, error) && tf_read_weights(model, files->weights, error) && create_container(model, error) &&
            tf_check_weights(model, error);
    if (ready && (model->count_inputs(model->container, &model->inputs) != 0 ||
                  model->count_outputs(model->container, &model->outputs) != 0))
      ready = container_failed(model, "the model does not say how many inputs it takes", error);
  }
  if (ready) {
    model->handles = calloc(model->inputs + model->outputs + 1, sizeof *model->handles);
    if (!model->handles) ready = tf_fail(error, "OUT_OF_MEMORY", "memory could not be had");
  }
  if (ready) return model;
  tf_model_free(model);
  return NULL;
}

void tf_model_free(tf_model* model) {
  if (!model) return;
  if (model->container) model->delete_container(model->container);
  free(model->weights_memory);
  free(model->constants);
  free(model->handles);
  free(model);
}

bool tf_model_reset(tf_model* model, tf_error* error) {
  void* old = model->container;
  model->container = NULL;
  if (!create_container(model, error)) {
    if (model->container) model->delete_container(model->container);
    model->container = old;
    return false;
  }
  model->delete_container(old);
  return true;
}

const tf_torch* tf_model_torch(const tf_model* model) { return model->torch; }
size_t tf_model_input_count(const tf_model* model) { return model->inputs; }
size_t tf_model_output_count(const tf_model* model) { return model->outputs; }

const char* tf_model_input_name(const tf_model* model, size_t index) {
  const char* name = NULL;
  if (!model->input_name || model->input_name(model->container, index, &name) != 0 || !name) return "";
  return name;
}

static tf_handle make_input(const tf_torch* torch, const tf_input* input) {
  // Where there are no elements there may be no memory, and a pointer is asked for.
  static uint64_t nothing[8];
  int64_t strides[TF_MAX_RANK];
  int64_t stride = 1;
  for (int axis = input->rank - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    if (input->sizes[axis] > 1) stride *= input->sizes[axis];
  }
  tf_handle handle = NULL;
  int32_t status = torch->create_tensor_from_blob(input->data ? input->data : nothing, input->rank, input->sizes, strides,
                                                  0, torch->dtypes[input->dtype], torch->cpu, 0, &handle);
  return status == 0 ? handle : NULL;
}

static void delete_handles(const tf_torch* torch, tf_handle* handles, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (handles[i]) torch->delete_tensor(handles[i]);
    handles[i] = NULL;
  }
}

/// A model that returns one tensor twice gives the same handle twice: each place gets one of its own.
static void separate_handles(const tf_torch* torch, tf_handle* handles, size_t count) {
  for (size_t i = 1; i < count; i++) {
    for (size_t earlier = 0; earlier < i; earlier++) {
      if (!handles[i] || handles[earlier] != handles[i]) continue;
      if (torch->new_handle(handles[earlier], &handles[i]) != 0) handles[i] = NULL;
      break;
    }
  }
}

bool tf_model_run(tf_model* model, const tf_input* inputs, tf_output* outputs, tf_error* error) {
  const tf_torch* torch = model->torch;
  tf_handle* given = model->handles;
  tf_handle* results = model->handles + model->inputs;
  memset(model->handles, 0, (model->inputs + model->outputs) * sizeof *model->handles);
  bool ready = true;
  for (size_t i = 0; ready && i < model->inputs; i++) {
    given[i] = make_input(torch, &inputs[i]);
    if (!given[i]) {
      const char* text = torch->exception_text ? torch->exception_text() : NULL;
      ready = tf_fail(error, NULL, "input %zu could not be given to libtorch%s%s", i, text ? ": " : "", text ? text : "");
    }
  }
  if (ready && model->run(model->container, given, model->inputs, results, model->outputs, NULL, NULL) != 0)
    ready = container_failed(model, "the model failed", error);
  // A run takes the inputs, and empties their places; one that failed before has left them.
  delete_handles(torch, given, model->inputs);
  separate_handles(torch, results, model->outputs);
  if (ready) ready = tf_take_outputs(model, inputs, results, outputs, error);
  delete_handles(torch, results, model->outputs);
  return ready;
}
