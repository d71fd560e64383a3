// The threads that run a model. A model never runs on libuv's pool: libgomp gives every thread that calls it a team of
// its own, and four threads with teams are more than the cores.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "memory.h"
#include "model.h"

namespace tensorferry {

/// Work in order, on one thread for its whole life.
class Worker {
 public:
  explicit Worker(int threads) : thread_([this, threads] { work(threads); }) {
    const std::lock_guard<std::recursive_mutex> lock(all().mutex);
    all().workers.insert(this);
  }
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// False: it has been stopped, and the task will not run.
  bool post(std::function<void()> task) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_) return false;
      tasks_.push_back(std::move(task));
    }
    wake_.notify_one();
    return true;
  }

  /// Nothing is in progress or waits.
  bool is_idle() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return tasks_.empty() && !busy_;
  }

  /// Waits for the task in progress; those that wait are dropped. Safe to call twice.
  void stop() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
      tasks_.clear();
    }
    wake_.notify_one();
    const std::lock_guard<std::recursive_mutex> lock(all().mutex);
    if (thread_.joinable()) thread_.join();
    all().workers.erase(this);
  }

  /// `stop` for those that may never end: false when the task in progress is still there after so long. It is left then, and
  /// the thread ends with it.
  bool stop_within(std::chrono::milliseconds limit) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      stopping_ = true;
      tasks_.clear();
      wake_.notify_one();
      if (!gone_.wait_for(lock, limit, [this] { return ended_; })) return false;
    }
    stop();
    return true;
  }

  /// Waits for every task in progress, in the whole process: at its end libtorch's statics go, and nothing may use them.
  static void stop_all() {
    const std::lock_guard<std::recursive_mutex> lock(all().mutex);
    const std::set<Worker*> workers = all().workers;
    for (Worker* worker : workers) worker->stop();
  }

  /// For an end of the process that JavaScript does not see. Handlers run last in, first out, and libtorch makes statics in
  /// its first runs that must outlive ours: so it is said again after each of them.
  static void stop_at_exit() {
    static std::atomic<int> times{0};
    if (times.load(std::memory_order_relaxed) < 16 && times.fetch_add(1) < 16) std::atexit(stop_all);
  }

 private:
  /// Of the whole process: several JavaScript threads may have loaded the addon.
  struct Registry {
    std::recursive_mutex mutex;
    std::set<Worker*> workers;
  };
  static Registry& all() {
    // Never destroyed: it is used while the process ends.
    static auto* registry = new Registry;
    return *registry;
  }

  void work(int threads) {
    try {
      set_threads(threads);
    } catch (...) {
      // The first task meets the same failure and reports it.
    }
    // It sleeps at once: to stay awake for the next run takes the core that JavaScript's thread needs to ask for it.
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wait(lock);
        if (stopping_) {
          ended_ = true;
          gone_.notify_all();
          return;
        }
        task = std::move(tasks_.front());
        tasks_.pop_front();
        busy_ = true;
      }
      task();
      stop_at_exit();
      busy_ = false;
    }
  }

  void wait(std::unique_lock<std::mutex>& lock) {
    const auto ready = [this] { return stopping_ || !tasks_.empty(); };
    if (holds_free_memory() && !wake_.wait_for(lock, IDLE, ready)) {
      lock.unlock();
      give_memory_back();
      lock.lock();
    }
    wake_.wait(lock, ready);
  }

  /// So long without work, and the next run may well be slower by what touching its memory anew takes.
  static constexpr std::chrono::seconds IDLE{1};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> busy_{false};
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  bool ended_ = false;
  std::condition_variable gone_;
  std::thread thread_;
};

}  // namespace tensorferry
