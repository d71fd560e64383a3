// What JavaScript sees: a class NativeModel, whose work is done by threads of its own.
#include <napi.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <unordered_map>

#include "describe.h"
#include "errors.h"
#include "exchange.h"
#include "from-js.h"
#include "model.h"
#include "serial-calls.h"
#include "to-js.h"
#include "worker.h"

namespace tensorferry {

namespace {

Napi::Error error_from(Napi::Env env, const Failure& failure) {
  auto error = Napi::Error::New(env, failure.message);
  error.Set("kind", Napi::String::New(env, failure.kind));
  return error;
}

/// Every entry from JavaScript goes through here.
template <typename Body>
Napi::Value guarded(Napi::Env env, Body body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw error_from(env, current_failure());
  }
}

class NativeModel;

/// One piece of work for a thread, and what JavaScript is told of it.
struct Job {
  explicit Job(NativeModel* model) : owner(model) {}

  NativeModel* owner;
  /// Made when the job is sent: one that is never settled would not be freed.
  std::optional<Napi::Promise::Deferred> deferred;
  std::function<void(Job&)> work;
  Failure failure;
  Detached result;
  bool describes = false;
  std::vector<Napi::ObjectReference> borrowed;

  void execute() noexcept {
    try {
      work(*this);
    } catch (...) {
      failure = current_failure();
    }
    // Arguments go on the thread that used them.
    work = nullptr;
  }
};

class NativeModel : public Napi::ObjectWrap<NativeModel> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeModel",
                       {
                           InstanceMethod<&NativeModel::load>("load"),
                           InstanceMethod<&NativeModel::prepare>("prepare"),
                           InstanceMethod<&NativeModel::start>("start"),
                           InstanceMethod<&NativeModel::drop>("drop"),
                           InstanceMethod<&NativeModel::call_sync>("callSync"),
                           InstanceMethod<&NativeModel::prepare_forward>("prepareForward"),
                           InstanceMethod<&NativeModel::forward_sync>("forwardSync"),
                           InstanceAccessor<&NativeModel::exchange>("exchange"),
                           InstanceMethod<&NativeModel::attribute>("attribute"),
                           InstanceMethod<&NativeModel::reset>("reset"),
                           InstanceMethod<&NativeModel::close>("close"),
                           InstanceMethod<&NativeModel::stop>("stop"),
                           InstanceMethod<&NativeModel::stop_within>("stopWithin"),
                           InstanceMethod<&NativeModel::leave>("leave"),
                       });
  }

  /// (threads of a run, number of workers, constructor of tensors, whether outputs may share memory)
  explicit NativeModel(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NativeModel>(info) {
    const Napi::Env env = info.Env();
    threads_ = info[0].As<Napi::Number>().Int32Value();
    const int workers = info[1].As<Napi::Number>().Int32Value();
    make_tensor_ = Napi::Persistent(info[2].As<Napi::Function>());
    shares_ = info[3].As<Napi::Boolean>().Value();
    auto memory = Napi::ArrayBuffer::New(env, Exchange::SIZE);
    exchange_.emplace(memory.Data());
    exchange_memory_ = Napi::Persistent(memory.As<Napi::Object>());
    const napi_status status = napi_create_threadsafe_function(
        env, nullptr, nullptr, Napi::String::New(env, "tensorferry"), 0, 1, nullptr, nullptr, nullptr, deliver, &done_);
    if (status != napi_ok) throw Napi::Error::New(env);
    // An idle model does not keep the process alive; work in progress does.
    napi_unref_threadsafe_function(env, done_);
    // After the function: hooks run last in, first out, and the threads must have ended before it goes.
    napi_add_env_cleanup_hook(env, stop_workers, this);
    guarded(env, [&]() -> Napi::Value {
      Worker::stop_at_exit();
      for (int i = 0; i < workers; i++) workers_.push_back(std::make_unique<Worker>(threads_));
      return env.Undefined();
    });
  }

  ~NativeModel() override {
    napi_remove_env_cleanup_hook(Env(), stop_workers, this);
    stop_workers(this);
    release();
  }

 private:
  /// ({ path or bytes, device, freeze, optimize, trusted }): a promise of the description
  Napi::Value load(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const auto given = info[0].As<Napi::Object>();
      LoadOptions options;
      options.device = given.Get("device").As<Napi::String>().Utf8Value();
      options.freeze = given.Get("freeze").ToBoolean();
      options.optimize = given.Get("optimize").ToBoolean();
      options.trusted = given.Get("trusted").ToBoolean();
      auto job = new_job();
      if (given.Has("bytes")) {
        const auto bytes = given.Get("bytes").As<Napi::Uint8Array>();
        options.bytes = reinterpret_cast<const char*>(bytes.Data());
        options.size = bytes.ByteLength();
        job->borrowed.push_back(Napi::Persistent(bytes.As<Napi::Object>()));
      } else {
        options.path = given.Get("path").As<Napi::String>().Utf8Value();
      }
      job->describes = true;
      job->work = [this, options](Job&) { model_ = std::make_shared<Model>(options); };
      return submit(info.Env(), 0, std::move(job));
    });
  }

  /// (method, arguments, whether to copy them): the number of a call that `start` or `drop` takes. From here on the
  /// caller may change what it gave, unless it is borrowed.
  Napi::Value prepare(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const auto model = loaded();
      auto job = new_job();
      auto& method = model->method(info[0].As<Napi::String>().Utf8Value());
      const bool copies = info[2].ToBoolean() || model->writes().inputs;
      // Shared, because a std::function must be copyable.
      auto stack = std::make_shared<std::vector<c10::IValue>>(
          arguments_from_js(method.getSchema(), info[1].As<Napi::Array>(), {copies, &job->borrowed}));
      job->work = [model, &method, stack](Job& self) { self.result = model->run(method, std::move(*stack)); };
      prepared_[++last_call_] = std::move(job);
      return Napi::Number::New(info.Env(), last_call_);
    });
  }

  /// (worker, number of a call): a promise of the value
  Napi::Value start(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      auto found = prepared_.find(info[1].As<Napi::Number>().Uint32Value());
      if (found == prepared_.end()) throw NotFoundError("no such call");
      auto job = std::move(found->second);
      prepared_.erase(found);
      return submit(info.Env(), info[0].As<Napi::Number>().Uint32Value(), std::move(job));
    });
  }

  /// (number of a call): it will not be started
  Napi::Value drop(const Napi::CallbackInfo& info) {
    prepared_.erase(info[0].As<Napi::Number>().Uint32Value());
    return info.Env().Undefined();
  }

  /// (method, arguments): the value
  Napi::Value call_sync(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
      const auto model = loaded();
      auto& method = model->method(info[0].As<Napi::String>().Utf8Value());
      std::vector<Napi::ObjectReference> borrowed;
      auto stack = arguments_from_js(method.getSchema(), info[1].As<Napi::Array>(),
                                     {model->writes().inputs, &borrowed});
      Detached result = run_now(*model, method, std::move(stack));
      return to_js(env, result, {make_tensor_.Value(), false});
    });
  }

  /// `prepare` of forward with the tensors in the exchange
  Napi::Value prepare_forward(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const auto model = loaded();
      auto job = new_job();
      auto stack = std::make_shared<std::vector<c10::IValue>>(exchange_->read());
      auto& method = model->forward();
      job->work = [model, &method, stack](Job& self) { self.result = model->run(method, std::move(*stack)); };
      prepared_[++last_call_] = std::move(job);
      return Napi::Number::New(info.Env(), last_call_);
    });
  }

  /// forward with the tensors in the exchange: undefined when the results are there, else the value
  Napi::Value forward_sync(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    return guarded(env, [&]() -> Napi::Value {
      const auto model = loaded();
      Detached result = run_now(*model, model->forward(), exchange_->read());
      if (exchange_->write(result)) return env.Undefined();
      return to_js(env, result, {make_tensor_.Value(), false});
    });
  }

  Napi::Value exchange(const Napi::CallbackInfo&) { return exchange_memory_.Value(); }

  /// (worker, name): a promise of the value
  Napi::Value attribute(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const auto model = loaded();
      auto job = new_job();
      const std::string name = info[1].As<Napi::String>().Utf8Value();
      job->work = [model, name](Job& self) { self.result = model->attribute(name); };
      return submit(info.Env(), info[0].As<Napi::Number>().Uint32Value(), std::move(job));
    });
  }

  Napi::Value reset(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      const auto model = loaded();
      auto job = new_job();
      job->work = [model](Job&) { model->reset(); };
      return submit(info.Env(), info[0].As<Napi::Number>().Uint32Value(), std::move(job));
    });
  }

  /// A promise that the worker is done with what it was sent before; the last one frees the model.
  Napi::Value close(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      auto job = new_job();
      job->work = [this](Job&) {
        if (!model_) return;
        model_ = nullptr;
        give_memory_back();
      };
      return submit(info.Env(), info[0].As<Napi::Number>().Uint32Value(), std::move(job));
    });
  }

  /// Waits for runs in progress and ends the threads; nothing can run any more.
  Napi::Value stop(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      stop_workers(this);
      prepared_.clear();
      model_ = nullptr;
      if (pending_ == 0) release();
      return info.Env().Undefined();
    });
  }

  /// (milliseconds): whether all threads have ended. What runs on is left where it is.
  Napi::Value stop_within(const Napi::CallbackInfo& info) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(info[0].As<Napi::Number>().Int64Value());
    bool ended = true;
    for (auto& worker : workers_) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      ended = worker->stop_within(std::max(left, std::chrono::milliseconds(0))) && ended;
    }
    return Napi::Boolean::New(info.Env(), ended);
  }

  /// Nothing waits any more for what is in progress: it does not keep the process alive.
  Napi::Value leave(const Napi::CallbackInfo& info) {
    if (done_) napi_unref_threadsafe_function(info.Env(), done_);
    return info.Env().Undefined();
  }

  std::shared_ptr<Model> loaded() const {
    if (!model_) throw NotFoundError("no model is loaded");
    return model_;
  }

  std::unique_ptr<Job> new_job() { return std::make_unique<Job>(this); }

  Napi::Value submit(Napi::Env env, uint32_t worker, std::unique_ptr<Job> job) {
    job->deferred.emplace(Napi::Promise::Deferred::New(env));
    const Napi::Value promise = job->deferred->Promise();
    Job* raw = job.get();
    const auto done = done_;
    const bool posted = worker < workers_.size() && workers_[worker]->post([raw, done] {
      raw->execute();
      napi_call_threadsafe_function(done, raw, napi_tsfn_nonblocking);
    });
    if (!posted) {
      job->deferred->Reject(error_from(env, {"NOT_FOUND", "the model's thread has ended"}).Value());
      return promise;
    }
    job.release();
    if (pending_++ == 0) {
      Ref();
      napi_ref_threadsafe_function(env, done_);
    }
    return promise;
  }

  Detached run_now(Model& model, torch::jit::Function& method, std::vector<c10::IValue> stack) {
    SerialCalls::Known* known = threads_ > 1 ? serial_.find(model, method, stack) : nullptr;
    if (threads_ == 1 || (known && known->serial)) {
      // What was sent before comes first where the order makes a difference.
      if (model.writes().state && !workers_[0]->is_idle()) wait_for_worker([] {});
      const OneThread guard;
      return model.run(method, std::move(stack));
    }
    if (known && known->to_be_found_out()) return SerialCalls::find_out(*known, model, method, std::move(stack), threads_);
    // The team is the worker's. This thread waits.
    Detached result;
    std::chrono::steady_clock::duration time{};
    wait_for_worker([&] {
      const auto begin = std::chrono::steady_clock::now();
      result = model.run(method, std::move(stack));
      time = std::chrono::steady_clock::now() - begin;
    });
    if (known) known->took(time);
    return result;
  }

  template <typename Body>
  void wait_for_worker(Body body) {
    std::mutex mutex;
    std::condition_variable wake;
    bool finished = false;
    Failure failure;
    const bool posted = workers_[0]->post([&] {
      try {
        body();
      } catch (...) {
        failure = current_failure();
      }
      const std::lock_guard<std::mutex> lock(mutex);
      finished = true;
      wake.notify_one();
    });
    if (!posted) throw NotFoundError("the model's thread has ended");
    std::unique_lock<std::mutex> lock(mutex);
    wake.wait(lock, [&] { return finished; });
    if (failure.kind) throw error_from(Env(), failure);
  }

  /// On JavaScript's thread. Without an environment, while it is torn down.
  static void deliver(napi_env raw_env, napi_value, void*, void* data) {
    const std::unique_ptr<Job> job(static_cast<Job*>(data));
    if (!raw_env) {
      for (auto& reference : job->borrowed) reference.SuppressDestruct();
      return;
    }
    try {
      const Napi::Env env(raw_env);
      const Napi::HandleScope scope(env);
      job->owner->settle(env, *job);
    } catch (...) {
      // A JavaScript thread that is being terminated takes nothing any more, not even a rejection.
    }
  }

  void settle(Napi::Env env, Job& job) {
    job.borrowed.clear();
    try {
      if (job.failure.kind) {
        job.deferred->Reject(error_from(env, job.failure).Value());
      } else if (job.describes) {
        job.deferred->Resolve(describe(env, *model_));
      } else {
        job.deferred->Resolve(to_js(env, job.result, {make_tensor_.Value(), shares_}));
      }
    } catch (const Napi::Error& error) {
      job.deferred->Reject(error.Value());
    } catch (...) {
      job.deferred->Reject(error_from(env, current_failure()).Value());
    }
    if (--pending_ == 0) {
      if (done_) napi_unref_threadsafe_function(env, done_);
      Unref();
    }
  }

  static void stop_workers(void* self) {
    for (auto& worker : static_cast<NativeModel*>(self)->workers_) worker->stop();
  }

  void release() {
    if (!done_) return;
    napi_release_threadsafe_function(done_, napi_tsfn_release);
    done_ = nullptr;
  }

  int threads_ = 1;
  bool shares_ = true;
  int pending_ = 0;
  napi_threadsafe_function done_ = nullptr;
  Napi::FunctionReference make_tensor_;
  Napi::ObjectReference exchange_memory_;
  std::optional<Exchange> exchange_;
  std::shared_ptr<Model> model_;
  SerialCalls serial_;
  std::unordered_map<uint32_t, std::unique_ptr<Job>> prepared_;
  uint32_t last_call_ = 0;
  std::vector<std::unique_ptr<Worker>> workers_;
};

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("NativeModel", NativeModel::define(env));
  auto dtypes = Napi::Array::New(env);
  for (const DType& dtype : DTYPES) dtypes.Set(dtypes.Length(), dtype.name);
  exports.Set("dtypes", dtypes);
  exports.Set("torchVersion", TENSORFERRY_TORCH_VERSION);
  exports.Set("addonVersion", TENSORFERRY_ADDON_VERSION);
  // (exit code): ends the process at once. libtorch's statics must not go while a thread uses them, so nothing is torn down.
  exports.Set("endProcess", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                std::_Exit(info[0].As<Napi::Number>().Int32Value());
              }));
  exports.Set("devices", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return guarded(info.Env(), [&] { return devices(info.Env()); });
              }));
  return exports;
}

}  // namespace

}  // namespace tensorferry

static Napi::Object initialize_addon(Napi::Env env, Napi::Object exports) {
  return tensorferry::initialize(env, exports);
}
NODE_API_MODULE(torchscript, initialize_addon)
