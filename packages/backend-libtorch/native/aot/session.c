#include "session.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "serial.h"

struct tf_session {
  tf_mutex mutex;
  tf_condition wake;
  tf_condition idle;
  tf_thread thread;
  tf_job* first;
  tf_job* last;
  bool busy;
  bool stopping;
  bool joined;
  int threads;
  /// A run changes what the next one computes.
  bool remembers;
  /// Bytes of large results since memory was given back last.
  size_t bytes_given;
  /// Used by the thread that runs on its own time alone.
  tf_known_runs known_runs;
  tf_model* model;
  void (*deliver)(void* context, tf_job* job);
  void* context;
  tf_session* next_session;
};

static tf_mutex registry_mutex = TF_MUTEX_INITIALIZER;
static tf_session* registry = NULL;
static bool process_ends = false;

static void stop_all_at_exit(void) { tf_stop_all(); }

// For an end of the process that JavaScript does not see. Handlers run last in, first out, and libtorch and models make
// statics when they are loaded and first run, which must outlive our threads: so it is said again after those.
static void stop_at_exit(void) {
  static atomic_int times = 0;
  if (atomic_load_explicit(&times, memory_order_relaxed) < 24 && atomic_fetch_add(&times, 1) < 24)
    atexit(stop_all_at_exit);
}

/// Large results that have been freed lie around in glibc's memory: it is given back when nothing has run for a second.
enum { WORTH_GIVING_BACK = 64 * 1024 * 1024, LARGE = 256 * 1024, IDLE_MILLISECONDS = 1000 };

static void count_given(tf_session* session, const tf_output* outputs) {
  size_t count = tf_model_output_count(session->model);
  for (size_t i = 0; i < count; i++)
    if (outputs[i].bytes >= LARGE) session->bytes_given += outputs[i].bytes;
}

static bool has_nothing_to_do(const tf_session* session) {
  // A run on the caller's time waits for nothing else.
  return !session->stopping && (!session->first || session->busy);
}

/// With the lock.
static void wait_for_work(tf_session* session) {
  while (has_nothing_to_do(session)) {
    if (session->bytes_given < WORTH_GIVING_BACK) {
      tf_wait(&session->wake, &session->mutex);
    } else if (!tf_wait_for(&session->wake, &session->mutex, IDLE_MILLISECONDS) && has_nothing_to_do(session)) {
      session->bytes_given = 0;
      tf_unlock(&session->mutex);
      tf_give_memory_back();
      tf_lock(&session->mutex);
    }
  }
}

static void execute(tf_session* session, tf_job* job) {
  switch (job->kind) {
    case TF_LOAD:
      session->model = tf_model_load(&job->files, &job->error);
      job->succeeded = session->model != NULL;
      if (session->model) tf_use_threads(tf_model_torch(session->model), session->threads);
      break;
    case TF_RUN:
      job->torch = tf_model_torch(session->model);
      job->succeeded = tf_model_run(session->model, job->inputs, job->outputs, &job->error);
      if (job->succeeded) count_given(session, job->outputs);
      break;
    case TF_RESET:
      job->succeeded = tf_model_reset(session->model, &job->error);
      break;
    case TF_CLOSE:
      tf_model_free(session->model);
      session->model = NULL;
      tf_give_memory_back();
      job->succeeded = true;
      break;
  }
}

static void work(void* given) {
  tf_session* session = given;
  tf_lock(&session->mutex);
  for (;;) {
    // It sleeps at once: to stay awake for the next run takes the core that JavaScript's thread needs to ask for it.
    wait_for_work(session);
    if (session->stopping) break;
    tf_job* job = session->first;
    session->first = job->next;
    if (!session->first) session->last = NULL;
    session->busy = true;
    tf_unlock(&session->mutex);

    uint64_t begin = tf_nanoseconds();
    execute(session, job);
    job->nanoseconds = tf_nanoseconds() - begin;
    stop_at_exit();

    tf_lock(&session->mutex);
    session->busy = false;
    bool is_awaited = job->is_awaited;
    job->ended = true;
    tf_wake_all(&session->idle);
    tf_unlock(&session->mutex);
    // One that is awaited may be gone already.
    if (!is_awaited) session->deliver(session->context, job);
    tf_lock(&session->mutex);
  }
  tf_unlock(&session->mutex);
}

tf_session* tf_session_start(int threads, bool remembers, void (*deliver)(void* context, tf_job* job), void* context) {
  tf_session* session = calloc(1, sizeof *session);
  if (!session) return NULL;
  tf_mutex_init(&session->mutex);
  tf_condition_init(&session->wake);
  tf_condition_init(&session->idle);
  session->threads = threads;
  session->remembers = remembers;
  session->deliver = deliver;
  session->context = context;
  tf_lock(&registry_mutex);
  bool started = !process_ends && tf_thread_start(&session->thread, work, session);
  if (started) {
    session->next_session = registry;
    registry = session;
  }
  tf_unlock(&registry_mutex);
  if (started) return session;
  free(session);
  return NULL;
}

static bool enqueue(tf_session* session, tf_job* job) {
  if (session->stopping) return false;
  job->next = NULL;
  if (session->last)
    session->last->next = job;
  else
    session->first = job;
  session->last = job;
  tf_wake_all(&session->wake);
  return true;
}

bool tf_session_post(tf_session* session, tf_job* job) {
  tf_lock(&session->mutex);
  bool taken = enqueue(session, job);
  tf_unlock(&session->mutex);
  return taken;
}

static bool run_on_thread(tf_session* session, const tf_input* inputs, tf_output* outputs, uint64_t* took, tf_error* error) {
  tf_job* job = calloc(1, sizeof *job);
  if (!job) return tf_fail(error, "OUT_OF_MEMORY", "memory could not be had");
  job->kind = TF_RUN;
  job->inputs = (tf_input*)inputs;
  job->outputs = outputs;
  job->is_awaited = true;
  enqueue(session, job);
  while (!job->ended && !session->stopping) tf_wait(&session->idle, &session->mutex);
  // Stopped: the thread ends its job first, or never takes it.
  while (!job->ended && session->busy) tf_wait(&session->idle, &session->mutex);
  bool succeeded = job->ended ? job->succeeded : tf_fail(&job->error, "STOPPED", "the session has been stopped");
  if (!succeeded) *error = job->error;
  *took = job->nanoseconds;
  if (session->first == job) session->first = session->last = NULL;
  free(job);
  return succeeded;
}

static bool run_here(tf_session* session, tf_known* known, const tf_input* inputs, tf_output* outputs, tf_error* error) {
  session->busy = true;
  tf_unlock(&session->mutex);
  bool succeeded = false;
  if (known && !known->serial) {
    succeeded = tf_find_out(known, session->model, inputs, outputs, session->threads, error);
  } else {
    const tf_torch* torch = tf_model_torch(session->model);
    int before = tf_take_one_thread(torch);
    succeeded = tf_model_run(session->model, inputs, outputs, error);
    tf_put_threads(torch, before);
  }
  stop_at_exit();
  tf_lock(&session->mutex);
  session->busy = false;
  tf_wake_all(&session->idle);
  return succeeded;
}

bool tf_session_run_now(tf_session* session, const tf_input* inputs, tf_output* outputs, tf_error* error) {
  tf_lock(&session->mutex);
  while (!session->stopping && (session->first || session->busy)) tf_wait(&session->idle, &session->mutex);
  bool succeeded;
  if (session->stopping) {
    succeeded = tf_fail(error, "STOPPED", "the session has been stopped");
  } else {
    // A second run would change what a model that remembers computes.
    bool looks = session->threads > 1 && !session->remembers;
    tf_known* known = looks ? tf_find_known(&session->known_runs, inputs, tf_model_input_count(session->model)) : NULL;
    if (session->threads == 1 || (known && (known->serial || tf_should_find_out(known)))) {
      succeeded = run_here(session, known, inputs, outputs, error);
    } else {
      // The team is the session's thread's. This thread waits.
      uint64_t took = 0;
      succeeded = run_on_thread(session, inputs, outputs, &took, error);
      if (known && succeeded) tf_note_time(known, took);
    }
  }
  tf_unlock(&session->mutex);
  return succeeded;
}

tf_model* tf_session_model(tf_session* session) { return session->model; }

static void stop(tf_session* session) {
  tf_lock(&session->mutex);
  session->stopping = true;
  tf_wake_all(&session->wake);
  tf_wake_all(&session->idle);
  tf_unlock(&session->mutex);
  if (session->joined) return;
  session->joined = true;
  tf_thread_join(session->thread);
}

void tf_session_stop(tf_session* session, void (*drop)(void* context, tf_job* job)) {
  tf_lock(&registry_mutex);
  stop(session);
  for (tf_session** place = &registry; *place; place = &(*place)->next_session) {
    if (*place != session) continue;
    *place = session->next_session;
    break;
  }
  tf_unlock(&registry_mutex);
  while (session->first) {
    tf_job* job = session->first;
    session->first = job->next;
    drop(session->context, job);
  }
  session->last = NULL;
}

void tf_session_free(tf_session* session) {
  tf_model_free(session->model);
  tf_free_known(&session->known_runs);
  free(session);
}

void tf_stop_all(void) {
  tf_lock(&registry_mutex);
  process_ends = true;
  for (tf_session* session = registry; session; session = session->next_session) stop(session);
  tf_unlock(&registry_mutex);
}
