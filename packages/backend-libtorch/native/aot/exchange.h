// Tensors between JavaScript and a session: small ones through shared memory, the others as typed arrays.
#pragma once

#define NAPI_VERSION 8
#include <node_api.h>

#include "session.h"

/// The exchange, as src/torchscript/exchange.ts writes and reads it: a header of float64 numbers (how many tensors; of each
/// its element type's code, where its data begin, its rank and its sizes), then the data.
enum { TF_EXCHANGE_HEADER = 4096, TF_EXCHANGE_NUMBERS = TF_EXCHANGE_HEADER / 8, TF_EXCHANGE_TENSORS = TF_EXCHANGE_NUMBERS / 3 };

/// A session as JavaScript holds it. Used on the JavaScript thread alone.
typedef struct tf_holder {
  tf_session* session;
  napi_threadsafe_function settle;
  napi_ref self;
  napi_ref exchange_reference;
  uint8_t* exchange;
  size_t exchange_size;
  /// Outputs may be given out as libtorch's memory, without a copy.
  bool shares;
  bool is_loaded;
  bool environment_ended;
  int pending;
  size_t input_count;
  size_t output_count;
  tf_output* sync_outputs;
} tf_holder;

/// JavaScript's side of a job.
typedef struct tf_call {
  napi_deferred deferred;
  /// Keeps the typed arrays of a run.
  napi_ref data;
} tf_call;

tf_call* tf_call_of(tf_job* job);
/// @param numbers - room for the sizes of all inputs
/// @param bytes - room for data of inputs that are copied
tf_job* tf_new_job(tf_job_kind kind, const tf_holder* holder, size_t numbers, size_t bytes);
/// @param env - null while the environment is being torn down
void tf_free_job(napi_env env, tf_job* job);

/// @param args - codes, shapes, data
tf_job* tf_job_from_arrays(napi_env env, tf_holder* holder, const napi_value* args, tf_error* error);
tf_job* tf_job_from_exchange(tf_holder* holder, tf_error* error);
/// @param used - where the inputs end
bool tf_read_exchange(tf_holder* holder, tf_input* inputs, int64_t* sizes, size_t* used, tf_error* error);
/// False: they do not fit.
bool tf_results_to_exchange(tf_holder* holder, const tf_output* outputs, size_t used);
/// An array of [code, shape, ArrayBuffer].
bool tf_results(napi_env env, const tf_holder* holder, const tf_torch* torch, tf_output* outputs, bool may_share,
                napi_value* result, tf_error* error);

napi_value tf_error_value(napi_env env, const tf_error* error);
/// Throws; returns null, for `return tf_throw(...)`.
napi_value tf_throw(napi_env env, const char* kind, const char* text);
/// To be freed; null: not a string.
char* tf_string(napi_env env, napi_value value);
