#include "model.h"

#include <cstring>

#ifndef _WIN32
#include <dlfcn.h>
#endif

#include "errors.h"
#include "foreign.h"

namespace tensorferry {

namespace {

class Bytes : public caffe2::serialize::ReadAdapterInterface {
 public:
  Bytes(const char* bytes, size_t size) : bytes_(bytes), size_(size) {}
  size_t size() const override { return size_; }
  size_t read(uint64_t position, void* to, size_t count, const char*) const override {
    if (position >= size_) return 0;
    const size_t length = std::min<size_t>(count, size_ - position);
    std::memcpy(to, bytes_ + position, length);
    return length;
  }

 private:
  const char* bytes_;
  size_t size_;
};

torch::jit::Module read_module(const LoadOptions& options, c10::Device device) {
  std::shared_ptr<caffe2::serialize::ReadAdapterInterface> archive;
  if (options.bytes) {
    archive = std::make_shared<Bytes>(options.bytes, options.size);
  } else {
    archive = std::make_shared<caffe2::serialize::FileAdapter>(options.path);
  }
  if (!options.trusted) require_known(archive);
  // The same open file: one that is put in its place meanwhile is not read.
  return torch::jit::load(archive, device);
}

at::Tensor on_device(const at::Tensor& tensor, c10::Device device) {
  return tensor.device() == device ? tensor : tensor.to(device);
}

void move_to(c10::IValue& value, c10::Device device) {
  if (value.isTensor()) {
    value = on_device(value.toTensor(), device);
  } else if (value.isTuple()) {
    std::vector<c10::IValue> elements = value.toTupleRef().elements();
    for (auto& element : elements) move_to(element, device);
    const auto type = value.toTupleRef().type<c10::TupleType>();
    value = type->schema() ? c10::ivalue::Tuple::createNamed(std::move(elements), type)
                           : c10::ivalue::Tuple::create(std::move(elements));
  } else if (value.isList()) {
    auto list = value.toList();
    for (size_t i = 0; i < list.size(); i++) {
      c10::IValue item = list.get(i);
      move_to(item, device);
      list.set(i, item);
    }
  } else if (value.isGenericDict()) {
    for (auto& entry : value.toGenericDict()) {
      c10::IValue item = entry.value();
      move_to(item, device);
      entry.setValue(item);
    }
  }
}

}  // namespace

Model::Model(const LoadOptions& options) : device_(options.device) {
  c10::InferenceMode guard;
  torch::jit::Module module = read_module(options, device_);
  module.eval();
  writes_ = find_writes(module);
  for (const auto& method : module.get_methods()) names_.push_back(method.name());
  if (options.freeze || options.optimize) {
    std::vector<std::string> others;
    for (const auto& name : names_) {
      if (name != "forward") others.push_back(name);
    }
    module = torch::jit::freeze(module, others);
    if (options.optimize) module = torch::jit::optimize_for_inference(module, others);
  }
  if (writes_.state) initial_ = module.deepcopy();
  module_ = std::move(module);
  type_ = module_.type();
  for (const auto& method : module_.get_methods()) methods_.emplace(method.name(), &method.function());
  if (const auto found = methods_.find("forward"); found != methods_.end()) forward_ = found->second;
  has_hooks_ = forward_ && !(type_->getForwardPreHooks().empty() && type_->getForwardHooks().empty());
}

c10::IValue Model::call_with_hooks(std::vector<c10::IValue> stack) {
  const c10::IValue self = module_._ivalue();
  stack.insert(stack.begin(), self);
  forward_->getSchema().checkAndNormalizeInputs(stack);
  std::vector<c10::IValue> inputs(stack.begin() + 1, stack.end());
  for (torch::jit::Function* hook : type_->getForwardPreHooks()) {
    const c10::IValue changed = (*hook)({self, c10::ivalue::Tuple::create(inputs)});
    if (changed.isTuple()) {
      const auto& elements = changed.toTupleRef().elements();
      inputs.assign(elements.begin(), elements.end());
    } else if (!changed.isNone()) {
      inputs = {changed};
    }
  }
  stack = inputs;
  stack.insert(stack.begin(), self);
  c10::IValue result = (*forward_)(std::move(stack));
  for (torch::jit::Function* hook : type_->getForwardHooks()) {
    c10::IValue changed = (*hook)({self, c10::ivalue::Tuple::create(inputs), result});
    if (!changed.isNone()) result = std::move(changed);
  }
  return result;
}

torch::jit::Function& Model::method(const std::string& name) const {
  const auto found = methods_.find(name);
  if (found != methods_.end()) return *found->second;
  std::string known;
  for (const auto& other : names_) known += (known.empty() ? "" : ", ") + other;
  throw NotFoundError("the model has no method " + name + "; it has " + (known.empty() ? "none" : known));
}

Detached Model::run(torch::jit::Function& method, std::vector<c10::IValue> stack) {
  std::unique_lock<std::mutex> lock(mutex_, std::defer_lock);
  if (writes_.state) lock.lock();
  // One mode for the module's whole life.
  c10::InferenceMode guard;
  if (device_.type() != at::kCPU) {
    for (auto& value : stack) move_to(value, device_);
  }
  if (has_hooks_ && &method == forward_) return detach(call_with_hooks(std::move(stack)));
  stack.insert(stack.begin(), module_._ivalue());
  // The schema's defaults, where arguments are missing; the others were converted by the schema already.
  if (stack.size() < method.getSchema().arguments().size()) method.getSchema().checkAndNormalizeInputs(stack);
  method.run(stack);
  return detach(stack.back());
}

Detached Model::attribute(const std::string& name) {
  std::unique_lock<std::mutex> lock(mutex_, std::defer_lock);
  if (writes_.state) lock.lock();
  c10::InferenceMode guard;
  torch::jit::Module owner = module_;
  size_t from = 0;
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', from)) {
    const std::string part = name.substr(from, dot - from);
    if (!owner.hasattr(part) || !owner.attr(part).isModule()) throw NotFoundError("the model has no module " + name.substr(0, dot));
    owner = owner.attr(part).toModule();
    from = dot + 1;
  }
  const std::string part = name.substr(from);
  if (!owner.hasattr(part)) throw NotFoundError("the model has no attribute " + name);
  const c10::IValue value = owner.attr(part);
  if (value.isModule()) throw NotFoundError(name + " is a module; ask for an attribute of it");
  return detach(value);
}

void Model::reset() {
  if (!writes_.state) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  c10::InferenceMode guard;
  module_ = initial_.deepcopy();
}

void set_threads(int threads) {
  static thread_local int current = 0;
  if (current == threads) return;
  // A thread's first question makes libtorch set the number that any thread was given last: not in the middle of a run.
  at::get_num_threads();
  at::set_num_threads(threads);
  current = threads;
}

namespace {

/// OpenMP's own functions, of the library that libtorch uses; null: it uses another one.
struct OpenMP {
  int (*threads)() = nullptr;
  void (*set_threads)(int) = nullptr;

  OpenMP() {
#ifndef _WIN32
    threads = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_max_threads"));
    set_threads = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
#endif
    if (!threads) set_threads = nullptr;
  }

  static const OpenMP& get() {
    static const OpenMP functions;
    return functions;
  }
};

}  // namespace

OneThread::OneThread() {
  const OpenMP& openmp = OpenMP::get();
  if (openmp.set_threads) before_ = openmp.threads();
  set_threads(1);
  if (openmp.set_threads) openmp.set_threads(1);
}

OneThread::~OneThread() {
  if (before_ > 0) OpenMP::get().set_threads(before_);
}

}  // namespace tensorferry
