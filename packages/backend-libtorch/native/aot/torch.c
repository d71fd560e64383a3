#include "torch.h"

#include <stdlib.h>
#include <string.h>

const char* const tf_dtype_names[TF_DTYPE_COUNT] = {"float32", "float64", "float16", "bfloat16", "int64",
                                                    "int32",   "int16",   "int8",    "uint8",    "bool"};
const uint8_t tf_dtype_bytes[TF_DTYPE_COUNT] = {4, 8, 2, 2, 8, 4, 2, 1, 1, 1};

static tf_torch torch;
static char* opened_path = NULL;
static tf_mutex opening = TF_MUTEX_INITIALIZER;

#ifdef _WIN32
#define SET_THREADS "?set_num_threads@at@@YAXH@Z"
#else
#define SET_THREADS "_ZN2at15set_num_threadsEi"
#endif

static bool resolve(void* library, tf_error* error) {
  const struct {
    void* slot;
    const char* name;
  } needed[] = {
      {&torch.create_tensor_from_blob, "aoti_torch_create_tensor_from_blob"},
      {&torch.delete_tensor, "aoti_torch_delete_tensor_object"},
      {&torch.new_handle, "aoti_torch_new_tensor_handle"},
      {&torch.get_data_ptr, "aoti_torch_get_data_ptr"},
      {&torch.get_storage_size, "aoti_torch_get_storage_size"},
      {&torch.get_dim, "aoti_torch_get_dim"},
      {&torch.get_sizes, "aoti_torch_get_sizes"},
      {&torch.get_strides, "aoti_torch_get_strides"},
      {&torch.get_dtype, "aoti_torch_get_dtype"},
      {&torch.get_device_type, "aoti_torch_get_device_type"},
  };
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
    void* symbol = tf_library_symbol(library, needed[i].name);
    if (!symbol) return tf_fail(error, "LIBTORCH_TOO_OLD", "this libtorch has no %s", needed[i].name);
    memcpy(needed[i].slot, &symbol, sizeof symbol);
  }
  for (int code = 0; code < TF_DTYPE_COUNT; code++) {
    char name[64] = "aoti_torch_dtype_";
    strcat(name, tf_dtype_names[code]);
    void* symbol = tf_library_symbol(library, name);
    if (!symbol) return tf_fail(error, "LIBTORCH_TOO_OLD", "this libtorch has no %s", name);
    torch.dtypes[code] = ((int32_t(*)(void))symbol)();
  }
  void* cpu = tf_library_symbol(library, "aoti_torch_device_type_cpu");
  if (!cpu) return tf_fail(error, "LIBTORCH_TOO_OLD", "this libtorch has no aoti_torch_device_type_cpu");
  torch.cpu = ((int32_t(*)(void))cpu)();

  torch.exception_text =
      (const char* (*)(void))tf_library_symbol(library, "torch_exception_get_what_without_backtrace");
  torch.get_threads = (int32_t(*)(uint32_t*))tf_library_symbol(library, "torch_get_num_threads");
  torch.set_threads = (void (*)(int))tf_library_symbol(library, SET_THREADS);
  torch.openmp_threads = (int (*)(void))tf_library_symbol(library, "omp_get_max_threads");
  torch.set_openmp_threads = (void (*)(int))tf_library_symbol(library, "omp_set_num_threads");
  if (!torch.set_threads) torch.set_threads = torch.set_openmp_threads;
  return true;
}

const tf_torch* tf_torch_open(const char* path, tf_error* error) {
  tf_lock(&opening);
  bool ready = false;
  if (opened_path) {
    ready = strcmp(opened_path, path) == 0;
    if (!ready) tf_fail(error, "UNSUPPORTED", "this process has opened %s and cannot open a second libtorch", opened_path);
  } else {
    void* library = tf_library_open(path, true, error);
    // It stays open: nothing can be unloaded safely once its threads and statics are there.
    ready = library && resolve(library, error);
    if (ready) {
      opened_path = malloc(strlen(path) + 1);
      if (opened_path) strcpy(opened_path, path);
    } else if (!library) {
      error->kind = "LIBTORCH";
    }
  }
  tf_unlock(&opening);
  return ready ? &torch : NULL;
}

int tf_dtype_code(const tf_torch* given, int32_t dtype) {
  for (int code = 0; code < TF_DTYPE_COUNT; code++)
    if (given->dtypes[code] == dtype) return code;
  return -1;
}

void tf_use_threads(const tf_torch* given, int threads) {
  uint32_t now = 0;
  if (given->get_threads && given->get_threads(&now) == 0 && now == (uint32_t)threads) return;
  if (given->set_threads) given->set_threads(threads);
}

int tf_take_one_thread(const tf_torch* given) {
  static _Thread_local bool is_set = false;
  int before = given->openmp_threads && given->set_openmp_threads ? given->openmp_threads() : 0;
  // libtorch's own way takes microseconds: once a thread, then OpenMP's number alone goes back and forth.
  if (!is_set || before == 0)
    tf_use_threads(given, 1);
  else
    given->set_openmp_threads(1);
  is_set = true;
  return before;
}

void tf_put_threads(const tf_torch* given, int before) {
  if (before > 0) given->set_openmp_threads(before);
}
