// What differs between POSIX and Windows: threads, and shared libraries.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
typedef SRWLOCK tf_mutex;
typedef CONDITION_VARIABLE tf_condition;
typedef HANDLE tf_thread;
#define TF_MUTEX_INITIALIZER SRWLOCK_INIT
#else
#include <pthread.h>
typedef pthread_mutex_t tf_mutex;
typedef pthread_cond_t tf_condition;
typedef pthread_t tf_thread;
#define TF_MUTEX_INITIALIZER PTHREAD_MUTEX_INITIALIZER
#endif

#define TF_TEXT_SIZE 4096

/// Why something failed. `kind` is null for what libtorch itself says.
typedef struct tf_error {
  const char* kind;
  char text[TF_TEXT_SIZE];
} tf_error;

/// Fills in the error; returns false, for `return tf_fail(...)`.
bool tf_fail(tf_error* error, const char* kind, const char* format, ...);

void tf_mutex_init(tf_mutex* mutex);
void tf_lock(tf_mutex* mutex);
void tf_unlock(tf_mutex* mutex);
void tf_condition_init(tf_condition* condition);
void tf_wait(tf_condition* condition, tf_mutex* mutex);
/// False: nobody woke it for so long.
bool tf_wait_for(tf_condition* condition, tf_mutex* mutex, int milliseconds);
void tf_wake_all(tf_condition* condition);

bool tf_thread_start(tf_thread* thread, void (*work)(void*), void* argument);
void tf_thread_join(tf_thread thread);
/// Identifies the calling thread.
uint64_t tf_thread_id(void);
/// Numbers of the process's threads. 0: this system does not say, or there are more than there is room for.
size_t tf_process_threads(int* numbers, size_t room);
uint64_t tf_nanoseconds(void);

/// Freed memory to the operating system: glibc keeps what lies between pieces in use. Milliseconds.
void tf_give_memory_back(void);

/// Opens a library by its absolute path, all symbols bound now. `global`: libraries opened later see its symbols.
void* tf_library_open(const char* path, bool global, tf_error* error);
void* tf_library_symbol(void* library, const char* name);
/// The library that holds `inside` stays loaded until the process ends: its threads and exit handlers may outlive a JavaScript thread.
void tf_library_pin(void* inside);
