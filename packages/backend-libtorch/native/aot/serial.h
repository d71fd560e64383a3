// Runs that may go on the thread that asks although a run may use several threads: those that never enter a parallel
// region. libgomp gives each calling thread a team of its own, and two teams are more threads than cores; a run without a
// team gains nothing from the session's thread and loses the way there and back.
#pragma once

#include "model.h"

/// What is known of runs with inputs of the same shapes.
typedef struct tf_known {
  int64_t* key;
  size_t length;
  /// A run on the session's thread took microseconds: worth finding out.
  bool quick;
  bool serial;
  int attempts;
} tf_known;

/// A model whose shapes change all the time is not worth remembering.
enum { TF_MOST_KNOWN = 64 };

typedef struct tf_known_runs {
  tf_known known[TF_MOST_KNOWN];
  size_t count;
} tf_known_runs;

/// Null: no room for another one.
tf_known* tf_find_known(tf_known_runs* runs, const tf_input* inputs, size_t count);
void tf_note_time(tf_known* known, uint64_t nanoseconds);
bool tf_should_find_out(const tf_known* known);
void tf_free_known(tf_known_runs* runs);

/// Runs on a thread that has no team yet, with all threads and, when none was started, with one: the run is serial when
/// both gave the same bits. False: it failed, as tf_model_run does.
bool tf_find_out(tf_known* known, tf_model* model, const tf_input* inputs, tf_output* outputs, int threads, tf_error* error);
