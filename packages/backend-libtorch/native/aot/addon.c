// The Node-API face of a session: what is queued becomes a promise, tensors become typed arrays and back.
#include "exchange.h"

#include <stdlib.h>
#include <string.h>

static void drop_job(void* context, tf_job* job) {
  (void)context;
  tf_free_job(NULL, job);
}

/// On the session's thread.
static void deliver(void* context, tf_job* job) {
  tf_holder* holder = context;
  napi_call_threadsafe_function(holder->settle, job, napi_tsfn_nonblocking);
}

static void count_pending(napi_env env, tf_holder* holder, int change) {
  holder->pending += change;
  // A job in progress keeps the process and the session alive; an idle session does neither.
  if (change > 0 && holder->pending == 1) {
    napi_ref_threadsafe_function(env, holder->settle);
    napi_reference_ref(env, holder->self, NULL);
  } else if (change < 0 && holder->pending == 0) {
    napi_unref_threadsafe_function(env, holder->settle);
    napi_reference_unref(env, holder->self, NULL);
  }
}

static napi_value describe(napi_env env, tf_holder* holder) {
  tf_model* model = tf_session_model(holder->session);
  holder->is_loaded = true;
  holder->input_count = tf_model_input_count(model);
  holder->output_count = tf_model_output_count(model);
  napi_value result, names, outputs;
  napi_create_object(env, &result);
  napi_create_array_with_length(env, holder->input_count, &names);
  for (size_t i = 0; i < holder->input_count; i++) {
    napi_value name;
    napi_create_string_utf8(env, tf_model_input_name(model, i), NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, names, (uint32_t)i, name);
  }
  napi_create_uint32(env, (uint32_t)holder->output_count, &outputs);
  napi_set_named_property(env, result, "inputNames", names);
  napi_set_named_property(env, result, "outputCount", outputs);
  return result;
}

/// On the JavaScript thread, once a job has ended; without an environment when that is being torn down.
static void settle(napi_env env, napi_value unused, void* context, void* data) {
  (void)unused;
  tf_holder* holder = context;
  tf_job* job = data;
  if (!env) {
    tf_free_job(NULL, job);
    return;
  }
  napi_deferred deferred = tf_call_of(job)->deferred;
  napi_value result;
  napi_get_undefined(env, &result);
  bool succeeded = job->succeeded;
  if (succeeded && job->kind == TF_LOAD) result = describe(env, holder);
  if (succeeded && job->kind == TF_RUN) succeeded = tf_results(env, holder, job->torch, job->outputs, true, &result, &job->error);
  if (succeeded)
    napi_resolve_deferred(env, deferred, result);
  else
    napi_reject_deferred(env, deferred, tf_error_value(env, &job->error));
  tf_free_job(env, job);
  count_pending(env, holder, -1);
}

static void stop_session(tf_holder* holder) { tf_session_stop(holder->session, drop_job); }

/// A JavaScript thread ends: its session's thread must not outlive it.
static void on_environment_end(void* given) {
  tf_holder* holder = given;
  holder->environment_ended = true;
  stop_session(holder);
}

static void free_holder(napi_env env, void* given, void* hint) {
  (void)hint;
  tf_holder* holder = given;
  stop_session(holder);
  tf_session_free(holder->session);
  if (!holder->environment_ended) {
    napi_remove_env_cleanup_hook(env, on_environment_end, holder);
    napi_release_threadsafe_function(holder->settle, napi_tsfn_release);
    napi_delete_reference(env, holder->self);
    napi_delete_reference(env, holder->exchange_reference);
  }
  free(holder->sync_outputs);
  free(holder);
}

/// create(threads: number, sharesOutputs: boolean, exchange: ArrayBuffer, remembers: boolean)
static napi_value create(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value args[4], result, name;
  napi_get_cb_info(env, info, &count, args, NULL, NULL);
  tf_holder* holder = calloc(1, sizeof *holder);
  uint32_t threads = 1;
  bool remembers = false;
  void* exchange = NULL;
  if (!holder || napi_get_value_uint32(env, args[0], &threads) != napi_ok ||
      napi_get_value_bool(env, args[1], &holder->shares) != napi_ok ||
      napi_get_arraybuffer_info(env, args[2], &exchange, &holder->exchange_size) != napi_ok ||
      napi_get_value_bool(env, args[3], &remembers) != napi_ok) {
    free(holder);
    return tf_throw(env, "ARGUMENT", "create takes a number of threads, a boolean, an ArrayBuffer and a boolean");
  }
  holder->exchange = exchange;
  napi_create_string_utf8(env, "tensorferry-aot", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, holder, settle, &holder->settle) != napi_ok) {
    free(holder);
    return tf_throw(env, NULL, "no thread-safe function could be made");
  }
  napi_unref_threadsafe_function(env, holder->settle);
  holder->session = tf_session_start((int)threads, remembers, deliver, holder);
  if (!holder->session) {
    napi_release_threadsafe_function(holder->settle, napi_tsfn_release);
    free(holder);
    return tf_throw(env, "OUT_OF_MEMORY", "no thread could be started");
  }
  // Hooks run last in, first out: the thread is stopped before its function is closed.
  napi_add_env_cleanup_hook(env, on_environment_end, holder);
  napi_create_external(env, holder, free_holder, NULL, &result);
  napi_create_reference(env, result, 0, &holder->self);
  // The exchange lives as long as the session.
  napi_create_reference(env, args[2], 1, &holder->exchange_reference);
  return result;
}

/// A call's arguments, and the session that is the first of them; NULL, and an error is thrown, where it is none.
static tf_holder* session_of(napi_env env, napi_callback_info info, napi_value* args, size_t count) {
  void* holder = NULL;
  napi_valuetype type;
  napi_get_cb_info(env, info, &count, args, NULL, NULL);
  if (napi_typeof(env, args[0], &type) != napi_ok || type != napi_external ||
      napi_get_value_external(env, args[0], &holder) != napi_ok) {
    tf_throw(env, "ARGUMENT", "the first argument is not a session");
    return NULL;
  }
  return holder;
}

/// Queues the job; its promise.
static napi_value post(napi_env env, tf_holder* holder, tf_job* job) {
  napi_value promise;
  napi_create_promise(env, &tf_call_of(job)->deferred, &promise);
  count_pending(env, holder, 1);
  if (!tf_session_post(holder->session, job)) {
    tf_fail(&job->error, "STOPPED", "the session has been stopped");
    napi_reject_deferred(env, tf_call_of(job)->deferred, tf_error_value(env, &job->error));
    tf_free_job(env, job);
    count_pending(env, holder, -1);
  }
  return promise;
}

static napi_value post_simple(napi_env env, napi_callback_info info, tf_job_kind kind) {
  napi_value args[1];
  tf_holder* holder = session_of(env, info, args, 1);
  if (!holder) return NULL;
  if (!holder->is_loaded) return tf_throw(env, "ARGUMENT", "the session holds no model");
  if (kind == TF_CLOSE) holder->is_loaded = false;
  tf_job* job = tf_new_job(kind, NULL, 0, 0);
  if (!job) return tf_throw(env, "OUT_OF_MEMORY", "memory could not be had");
  return post(env, holder, job);
}

/// open(libtorch: string): opens it on this thread, which the process cannot end under; its statics are made then
static napi_value open_libtorch(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value args[1];
  napi_get_cb_info(env, info, &count, args, NULL, NULL);
  char* path = tf_string(env, args[0]);
  if (!path) return tf_throw(env, "ARGUMENT", "open takes a path");
  tf_error error;
  const tf_torch* torch = tf_torch_open(path, &error);
  free(path);
  return torch ? NULL : tf_throw(env, error.kind, error.text);
}

/// load(session, libtorch: string, library: string, weights: string | null): Promise<{ inputNames, outputCount }>
static napi_value load(napi_env env, napi_callback_info info) {
  napi_value args[4];
  tf_holder* holder = session_of(env, info, args, 4);
  if (!holder) return NULL;
  tf_job* job = tf_new_job(TF_LOAD, NULL, 0, 0);
  if (!job) return tf_throw(env, "OUT_OF_MEMORY", "memory could not be had");
  job->files.libtorch = tf_string(env, args[1]);
  job->files.library = tf_string(env, args[2]);
  job->files.weights = tf_string(env, args[3]);
  if (!job->files.libtorch || !job->files.library) {
    tf_free_job(env, job);
    return tf_throw(env, "ARGUMENT", "load takes paths");
  }
  return post(env, holder, job);
}

/// run(session, codes: number[], shapes: number[][], data: TypedArray[]): Promise<results>
static napi_value run(napi_env env, napi_callback_info info) {
  napi_value args[4];
  tf_holder* holder = session_of(env, info, args, 4);
  if (!holder) return NULL;
  tf_error error;
  tf_job* job = tf_job_from_arrays(env, holder, args + 1, &error);
  return job ? post(env, holder, job) : tf_throw(env, error.kind, error.text);
}

/// runExchange(session): Promise<results>
static napi_value run_exchange(napi_env env, napi_callback_info info) {
  napi_value args[1];
  tf_holder* holder = session_of(env, info, args, 1);
  if (!holder) return NULL;
  tf_error error;
  tf_job* job = tf_job_from_exchange(holder, &error);
  return job ? post(env, holder, job) : tf_throw(env, error.kind, error.text);
}

static napi_value run_now(napi_env env, tf_holder* holder, const tf_input* inputs, size_t exchange_used) {
  tf_error error;
  napi_value result = NULL;
  if (!holder->sync_outputs) holder->sync_outputs = calloc(holder->output_count + 1, sizeof *holder->sync_outputs);
  if (!holder->sync_outputs) return tf_throw(env, "OUT_OF_MEMORY", "memory could not be had");
  tf_output* outputs = holder->sync_outputs;
  if (!tf_session_run_now(holder->session, inputs, outputs, &error)) return tf_throw(env, error.kind, error.text);
  const tf_torch* torch = tf_model_torch(tf_session_model(holder->session));
  bool succeeded = true;
  if (exchange_used == 0 || !tf_results_to_exchange(holder, outputs, exchange_used))
    succeeded = tf_results(env, holder, torch, outputs, false, &result, &error);
  for (size_t i = 0; i < holder->output_count; i++) tf_output_release(torch, &outputs[i]);
  return succeeded ? result : tf_throw(env, error.kind, error.text);
}

/// runSync(session, codes, shapes, data): results
static napi_value run_sync(napi_env env, napi_callback_info info) {
  napi_value args[4];
  tf_holder* holder = session_of(env, info, args, 4);
  if (!holder) return NULL;
  tf_error error;
  tf_job* job = tf_job_from_arrays(env, holder, args + 1, &error);
  if (!job) return tf_throw(env, error.kind, error.text);
  napi_value result = run_now(env, holder, job->inputs, 0);
  tf_free_job(env, job);
  return result;
}

/// runExchangeSync(session): undefined when the results are in the exchange, else the results
static napi_value run_exchange_sync(napi_env env, napi_callback_info info) {
  napi_value args[1];
  tf_holder* holder = session_of(env, info, args, 1);
  if (!holder) return NULL;
  tf_error error;
  tf_input inputs[TF_EXCHANGE_TENSORS];
  int64_t sizes[TF_EXCHANGE_NUMBERS];
  size_t used = 0;
  if (!tf_read_exchange(holder, inputs, sizes, &used, &error)) return tf_throw(env, error.kind, error.text);
  return run_now(env, holder, inputs, used);
}

static napi_value reset(napi_env env, napi_callback_info info) {
  return post_simple(env, info, TF_RESET);
}

/// close(session): Promise; frees the model on its thread
static napi_value close(napi_env env, napi_callback_info info) {
  return post_simple(env, info, TF_CLOSE);
}

/// stop(session): waits for the job in progress and ends the thread
static napi_value stop(napi_env env, napi_callback_info info) {
  napi_value args[1];
  tf_holder* holder = session_of(env, info, args, 1);
  if (holder) stop_session(holder);
  return NULL;
}

NAPI_MODULE_EXPORT int32_t node_api_module_get_api_version_v1(void) { return 8; }

NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  const struct {
    const char* name;
    napi_callback function;
  } functions[] = {
      {"open", open_libtorch}, {"create", create},       {"load", load},
      {"run", run},            {"runExchange", run_exchange},
      {"runSync", run_sync},   {"runExchangeSync", run_exchange_sync},
      {"reset", reset},        {"close", close},         {"stop", stop},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  napi_value dtypes;
  napi_create_array_with_length(env, TF_DTYPE_COUNT, &dtypes);
  for (uint32_t code = 0; code < TF_DTYPE_COUNT; code++) {
    napi_value name;
    napi_create_string_utf8(env, tf_dtype_names[code], NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, dtypes, code, name);
  }
  napi_set_named_property(env, exports, "dtypes", dtypes);
  // Worker threads that load and leave it must not unload it: exit handlers are in here.
  tf_library_pin((void*)napi_register_module_v1);
  return exports;
}
