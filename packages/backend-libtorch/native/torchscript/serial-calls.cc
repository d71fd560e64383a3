#include "serial-calls.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <set>
#include <thread>

#ifdef __linux__
#include <dirent.h>
#endif

namespace tensorferry {

namespace {

/// Numbers of the process's threads; empty: this system does not say.
std::set<int> threads_of_process() {
  std::set<int> threads;
#ifdef __linux__
  if (DIR* folder = opendir("/proc/self/task")) {
    while (const dirent* entry = readdir(folder)) {
      if (entry->d_name[0] != '.') threads.insert(std::atoi(entry->d_name));
    }
    closedir(folder);
  }
#endif
  return threads;
}

bool same_bits(const Detached& one, const Detached& other) {
  if (one.kind != other.kind || one.integer != other.integer || one.text != other.text || one.names != other.names) return false;
  if (std::memcmp(&one.number, &other.number, sizeof one.number) != 0) return false;
  if (one.items.size() != other.items.size() || one.keys.size() != other.keys.size()) return false;
  for (size_t i = 0; i < one.items.size(); i++) {
    if (!same_bits(one.items[i], other.items[i])) return false;
  }
  for (size_t i = 0; i < one.keys.size(); i++) {
    if (!same_bits(one.keys[i], other.keys[i])) return false;
  }
  if (one.kind != Detached::Kind::Tensor) return true;
  const at::Tensor &a = one.tensor, &b = other.tensor;
  if (a.scalar_type() != b.scalar_type() || a.sizes() != b.sizes()) return false;
  return a.numel() == 0 || std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()) == 0;
}

}  // namespace

SerialCalls::Known* SerialCalls::find(const Model& model, const torch::jit::Function& method,
                                      const std::vector<c10::IValue>& stack) {
  // A second run would change what such a model computes.
  if (model.writes().state || model.writes().inputs || !model.on_cpu()) return nullptr;
  Key key{reinterpret_cast<intptr_t>(&method)};
  for (const auto& value : stack) {
    if (value.isTensor()) {
      const auto sizes = value.toTensor().sizes();
      key.push_back(static_cast<int64_t>(value.toTensor().scalar_type()));
      key.push_back(static_cast<int64_t>(sizes.size()));
      key.insert(key.end(), sizes.begin(), sizes.end());
    } else if (value.isInt() || value.isBool()) {
      // It may be a size, or how often something is done.
      key.push_back(-1);
      key.push_back(value.isInt() ? value.toInt() : value.toBool());
    } else {
      return nullptr;
    }
  }
  const auto found = known_.find(key);
  if (found != known_.end()) return &found->second;
  if (known_.size() >= MOST_KNOWN) return nullptr;
  return &known_[std::move(key)];
}

Detached SerialCalls::find_out(Known& known, Model& model, torch::jit::Function& method, std::vector<c10::IValue> stack,
                               int threads) {
  Detached result;
  std::exception_ptr failure;
  known.attempts++;
  std::thread fresh([&] {
    try {
      set_threads(threads);
      const std::set<int> before = threads_of_process();
      result = model.run(method, stack);
      const std::set<int> after = threads_of_process();
      // A thread that something else has started meanwhile looks like one of a team: then it is tried again.
      if (before.empty() || !std::includes(before.begin(), before.end(), after.begin(), after.end())) return;
      set_threads(1);
      known.serial = same_bits(result, model.run(method, std::move(stack)));
    } catch (...) {
      failure = std::current_exception();
    }
  });
  fresh.join();
  if (failure) std::rethrow_exception(failure);
  return result;
}

}  // namespace tensorferry
