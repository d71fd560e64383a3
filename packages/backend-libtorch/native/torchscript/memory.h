// Memory that libtorch and JavaScript have freed. glibc keeps what lies between pieces in use: after a large model, or
// many large results, that may be hundreds of megabytes, which look like a leak.
#pragma once

#include <atomic>
#include <cstdint>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace tensorferry {

/// Bytes of large results since memory was given back last; of the whole process.
inline std::atomic<int64_t> bytes_since_trim{0};

/// Worth the time that giving it back takes, and that touching it anew takes after that.
inline bool holds_free_memory() { return bytes_since_trim.load(std::memory_order_relaxed) >= 64 * 1024 * 1024; }

/// To the operating system. Milliseconds: not for JavaScript's thread, nor between two runs.
inline void give_memory_back() {
  bytes_since_trim.store(0, std::memory_order_relaxed);
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace tensorferry
