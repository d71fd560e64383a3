#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "platform.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef _WIN32
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>
#endif

bool tf_fail(tf_error* error, const char* kind, const char* format, ...) {
  error->kind = kind;
  va_list values;
  va_start(values, format);
  vsnprintf(error->text, sizeof error->text, format, values);
  va_end(values);
  return false;
}

typedef struct start {
  void (*work)(void*);
  void* argument;
} start;

void tf_relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#ifdef _WIN32

void tf_mutex_init(tf_mutex* mutex) { InitializeSRWLock(mutex); }
void tf_lock(tf_mutex* mutex) { AcquireSRWLockExclusive(mutex); }
void tf_unlock(tf_mutex* mutex) { ReleaseSRWLockExclusive(mutex); }
void tf_condition_init(tf_condition* condition) { InitializeConditionVariable(condition); }
void tf_wait(tf_condition* condition, tf_mutex* mutex) { SleepConditionVariableSRW(condition, mutex, INFINITE, 0); }
void tf_wake_all(tf_condition* condition) { WakeAllConditionVariable(condition); }

static DWORD WINAPI enter(LPVOID given) {
  start begun = *(start*)given;
  free(given);
  begun.work(begun.argument);
  return 0;
}

bool tf_thread_start(tf_thread* thread, void (*work)(void*), void* argument) {
  start* begun = malloc(sizeof *begun);
  if (!begun) return false;
  *begun = (start){work, argument};
  *thread = CreateThread(NULL, 0, enter, begun, 0, NULL);
  if (!*thread) free(begun);
  return *thread != NULL;
}

void tf_thread_join(tf_thread thread) {
  WaitForSingleObject(thread, INFINITE);
  CloseHandle(thread);
}

uint64_t tf_thread_id(void) { return GetCurrentThreadId(); }

int tf_core_count(void) {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return (int)info.dwNumberOfProcessors;
}

uint64_t tf_nanoseconds(void) {
  LARGE_INTEGER count, frequency;
  QueryPerformanceCounter(&count);
  QueryPerformanceFrequency(&frequency);
  return (uint64_t)((double)count.QuadPart * 1e9 / (double)frequency.QuadPart);
}

static wchar_t* widen(const char* text) {
  int length = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
  wchar_t* wide = malloc((size_t)length * sizeof *wide);
  if (wide) MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, length);
  return wide;
}

void* tf_library_open(const char* path, bool global, tf_error* error) {
  (void)global;
  wchar_t* wide = widen(path);
  // The libraries that it needs lie beside it.
  HMODULE library = wide ? LoadLibraryExW(wide, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS) : NULL;
  free(wide);
  if (!library) tf_fail(error, NULL, "%s: cannot be loaded, Windows error %lu", path, GetLastError());
  return (void*)library;
}

void* tf_library_symbol(void* library, const char* name) { return (void*)GetProcAddress((HMODULE)library, name); }

void tf_library_pin(void* inside) {
  HMODULE library;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, (LPCWSTR)inside, &library);
}

#else

void tf_mutex_init(tf_mutex* mutex) { pthread_mutex_init(mutex, NULL); }
void tf_lock(tf_mutex* mutex) { pthread_mutex_lock(mutex); }
void tf_unlock(tf_mutex* mutex) { pthread_mutex_unlock(mutex); }
void tf_condition_init(tf_condition* condition) { pthread_cond_init(condition, NULL); }
void tf_wait(tf_condition* condition, tf_mutex* mutex) { pthread_cond_wait(condition, mutex); }
void tf_wake_all(tf_condition* condition) { pthread_cond_broadcast(condition); }

static void* enter(void* given) {
  start begun = *(start*)given;
  free(given);
  begun.work(begun.argument);
  return NULL;
}

bool tf_thread_start(tf_thread* thread, void (*work)(void*), void* argument) {
  start* begun = malloc(sizeof *begun);
  if (!begun) return false;
  *begun = (start){work, argument};
  bool started = pthread_create(thread, NULL, enter, begun) == 0;
  if (!started) free(begun);
  return started;
}

void tf_thread_join(tf_thread thread) { pthread_join(thread, NULL); }

uint64_t tf_thread_id(void) { return (uint64_t)(uintptr_t)pthread_self(); }

int tf_core_count(void) { return (int)sysconf(_SC_NPROCESSORS_ONLN); }

uint64_t tf_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void* tf_library_open(const char* path, bool global, tf_error* error) {
  void* library = dlopen(path, RTLD_NOW | (global ? RTLD_GLOBAL : RTLD_LOCAL));
  if (!library) {
    const char* reason = dlerror();
    tf_fail(error, NULL, "%s", reason ? reason : path);
  }
  return library;
}

void* tf_library_symbol(void* library, const char* name) { return dlsym(library, name); }

void tf_library_pin(void* inside) {
  Dl_info info;
  if (dladdr(inside, &info) && info.dli_fname) dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE);
}

#endif
