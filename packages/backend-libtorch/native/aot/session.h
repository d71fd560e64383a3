// A model on a thread of its own, and the work that waits for it. Knows nothing of JavaScript.
#pragma once

#include "model.h"

typedef enum tf_job_kind { TF_LOAD, TF_RUN, TF_RESET, TF_CLOSE } tf_job_kind;

typedef struct tf_job {
  struct tf_job* next;
  tf_job_kind kind;
  tf_model_files files;
  tf_input* inputs;
  tf_output* outputs;
  size_t output_count;
  const tf_torch* torch;
  bool succeeded;
  tf_error error;
  /// The caller's.
  void* context;
  /// Somebody waits for it in tf_session_run_now: it is not delivered.
  bool is_awaited;
  bool ended;
  /// How long it took.
  uint64_t nanoseconds;
} tf_job;

typedef struct tf_session tf_session;

/// @param remembers - a run changes what the next one computes
/// @param deliver - called on the session's thread with each job that has ended
tf_session* tf_session_start(int threads, bool remembers, void (*deliver)(void* context, tf_job* job), void* context);
/// Takes the job. False: the session has been stopped, and the job is still the caller's.
bool tf_session_post(tf_session* session, tf_job* job);
/// Waits for what is queued, then runs on the caller's time: on its thread where one thread is all that a run uses, else
/// on the session's.
bool tf_session_run_now(tf_session* session, const tf_input* inputs, tf_output* outputs, tf_error* error);
/// The loaded model, for counts and names; null before it is loaded.
tf_model* tf_session_model(tf_session* session);
/// Waits for the job in progress and ends the thread. Jobs that wait are handed to `drop`. Safe to call twice.
void tf_session_stop(tf_session* session, void (*drop)(void* context, tf_job* job));
/// After stop.
void tf_session_free(tf_session* session);
/// Waits for the job in progress of every session in the process, and lets none begin another.
void tf_stop_all(void);
