#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "platform.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef _WIN32
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

bool tf_fail(tf_error* error, const char* kind, const char* format, ...) {
  error->kind = kind;
  va_list values;
  va_start(values, format);
  vsnprintf(error->text, sizeof error->text, format, values);
  va_end(values);
  return false;
}

size_t tf_process_threads(int* numbers, size_t room) {
  size_t count = 0;
#ifdef __linux__
  DIR* folder = opendir("/proc/self/task");
  if (!folder) return 0;
  for (const struct dirent* entry = readdir(folder); entry && count <= room; entry = readdir(folder)) {
    if (entry->d_name[0] == '.') continue;
    if (count < room) numbers[count] = atoi(entry->d_name);
    count++;
  }
  closedir(folder);
#else
  (void)numbers;
#endif
  return count > room ? 0 : count;
}

void tf_give_memory_back(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

typedef struct start {
  void (*work)(void*);
  void* argument;
} start;

#ifdef _WIN32

void tf_mutex_init(tf_mutex* mutex) { InitializeSRWLock(mutex); }
void tf_lock(tf_mutex* mutex) { AcquireSRWLockExclusive(mutex); }
void tf_unlock(tf_mutex* mutex) { ReleaseSRWLockExclusive(mutex); }
void tf_condition_init(tf_condition* condition) { InitializeConditionVariable(condition); }
void tf_wait(tf_condition* condition, tf_mutex* mutex) { SleepConditionVariableSRW(condition, mutex, INFINITE, 0); }
bool tf_wait_for(tf_condition* condition, tf_mutex* mutex, int milliseconds) {
  return SleepConditionVariableSRW(condition, mutex, (DWORD)milliseconds, 0);
}
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
bool tf_wait_for(tf_condition* condition, tf_mutex* mutex, int milliseconds) {
  struct timespec end;
  clock_gettime(CLOCK_REALTIME, &end);
  end.tv_sec += milliseconds / 1000;
  end.tv_nsec += (long)(milliseconds % 1000) * 1000000;
  if (end.tv_nsec >= 1000000000) {
    end.tv_sec++;
    end.tv_nsec -= 1000000000;
  }
  return pthread_cond_timedwait(condition, mutex, &end) != ETIMEDOUT;
}
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
