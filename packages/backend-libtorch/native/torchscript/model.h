// A TorchScript module, loaded once and run by one or more threads.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "inner-state.h"
#include "to-js.h"
#include "torch.h"

namespace tensorferry {

struct LoadOptions {
  std::string path;
  /// In place of a path; not owned.
  const char* bytes = nullptr;
  size_t size = 0;
  std::string device;
  bool freeze = false;
  bool optimize = false;
  /// It may use more than `operators.h` lists.
  bool trusted = false;
};

class Model {
 public:
  explicit Model(const LoadOptions& options);

  /// Throws NotFoundError.
  torch::jit::Function& method(const std::string& name) const;
  torch::jit::Function& forward() const { return forward_ ? *forward_ : method("forward"); }
  Detached run(torch::jit::Function& method, std::vector<c10::IValue> stack);
  /// `name` may lead into submodules: `encoder.weight`.
  Detached attribute(const std::string& name);
  /// Back to what the file holds.
  void reset();

  const c10::ClassTypePtr& type() const { return type_; }
  const std::vector<std::string>& method_names() const { return names_; }
  const Writes& writes() const { return writes_; }
  bool on_cpu() const { return device_.type() == at::kCPU; }

 private:
  /// forward between the module's own hooks, as a call of the module in Python; `stack` is without the module.
  c10::IValue call_with_hooks(std::vector<c10::IValue> stack);

  torch::jit::Module module_;
  /// What `reset` goes back to; only of a module that remembers.
  torch::jit::Module initial_;
  c10::ClassTypePtr type_;
  /// They belong to the type, which all copies of the module share.
  std::unordered_map<std::string, torch::jit::Function*> methods_;
  std::vector<std::string> names_;
  torch::jit::Function* forward_ = nullptr;
  bool has_hooks_ = false;
  Writes writes_;
  c10::Device device_;
  /// Held by runs of a module that remembers; the others may run side by side.
  std::mutex mutex_;
};

/// Gives libtorch's work on this thread its number of threads; each thread has a setting of its own.
void set_threads(int threads);

/// While it lives, libtorch's work on this thread has one thread; then OpenMP's number is what it was.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_ = 0;
};

}  // namespace tensorferry
