// A plain C++ program around one TorchScript model, as a team would write it, with each mistake as a switch:
//   why-cpp MODEL.pt THREADS CAUSE SIZE...
// The first line on stdout is {"first": [milliseconds of the first calls]}. Then each line {"calls":C,"each":E} on stdin
// is answered by C samples in milliseconds, each the mean of E runs; with C = 0 by how often a run so far has given up
// its core (voluntary context switches of all threads).
#include <ATen/Parallel.h>
#include <sys/resource.h>
#include <torch/script.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double Switches() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_nvcsw);
}

double Since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// A thread that does what it is given, one thing after the other.
class Worker {
 public:
  explicit Worker(int threads)
      : thread_([this, threads] {
          at::set_num_threads(threads);
          std::unique_lock<std::mutex> lock(mutex_);
          while (true) {
            changed_.wait(lock, [this] { return work_ || ended_; });
            if (ended_) return;
            lock.unlock();
            (*work_)();
            lock.lock();
            work_.reset();
            changed_.notify_all();
          }
        }) {}

  ~Worker() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void Start(std::function<void()> work) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      work_ = std::move(work);
    }
    changed_.notify_all();
  }

  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !work_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::function<void()>> work_;
  bool ended_ = false;
  std::thread thread_;
};

void Print(const char* before, const std::vector<double>& samples, const char* after) {
  std::printf("%s[", before);
  for (size_t i = 0; i < samples.size(); i++) std::printf("%s%.6f", i ? "," : "", samples[i]);
  std::printf("]%s\n", after);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: why-cpp MODEL.pt THREADS none|gradients|worker|pool|oversubscribed SIZE...\n");
    return 2;
  }
  const std::string cause = argv[3];
  const int threads = std::stoi(argv[2]);
  std::vector<int64_t> shape;
  for (int i = 4; i < argc; i++) shape.push_back(std::stoll(argv[i]));
  const int count = cause == "worker" ? 1 : cause == "pool" || cause == "oversubscribed" ? 4 : 0;
  // A main thread that leaves the model to others must not have a team of its own either: making a tensor would start one.
  at::set_num_threads(count > 0 ? 1 : threads);

  torch::jit::Module model = torch::jit::load(argv[1]);
  model.eval();
  const bool gradients = cause == "gradients";
  const at::Tensor x = torch::full(shape, 0.5);
  const auto run = [&] {
    std::optional<c10::InferenceMode> guard;
    if (!gradients) guard.emplace();
    const at::Tensor y = model.forward({x}).toTensor();
    if (y.numel() == 0) std::abort();
  };

  // Threads that call forward, of which the main one never does: one, four in turns (pool), four at once (oversubscribed).
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < count; i++) workers.push_back(std::make_unique<Worker>(threads));
  size_t next = 0;
  const auto runs = [&](int each) {
    if (workers.empty()) {
      for (int i = 0; i < each; i++) run();
    } else if (cause != "oversubscribed") {
      for (int i = 0; i < each; i++) {
        Worker& worker = *workers[next++ % workers.size()];
        worker.Start(run);
        worker.Wait();
      }
    } else {
      // A whole round of all four counts as four runs.
      for (auto& worker : workers) {
        worker->Start([&run, each] {
          for (int i = 0; i < each; i++) run();
        });
      }
      for (auto& worker : workers) worker->Wait();
    }
  };

  std::vector<double> first;
  for (int i = 0; i < 12; i++) {
    const auto start = Clock::now();
    runs(1);
    first.push_back(Since(start));
  }
  Print("{\"first\":", first, "}");

  const double switches = Switches();
  double total = 0;
  std::string line;
  while (std::getline(std::cin, line)) {
    int calls = 0, each = 0;
    if (std::sscanf(line.c_str(), "{\"calls\":%d,\"each\":%d}", &calls, &each) != 2) return 2;
    if (calls == 0) {
      Print("", {(Switches() - switches) / std::max(1.0, total)}, "");
      continue;
    }
    std::vector<double> samples;
    const double of = cause == "oversubscribed" ? 4.0 * each : each;
    for (int i = 0; i < calls; i++) {
      const auto start = Clock::now();
      runs(each);
      samples.push_back(Since(start) / of);
      total += of;
    }
    Print("", samples, "");
  }
  return 0;
}
