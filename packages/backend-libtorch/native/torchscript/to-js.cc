#include "to-js.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "dtype.h"
#include "errors.h"
#include "memory.h"

namespace tensorferry {

namespace {

/// Under this, a copy costs less than an external buffer.
constexpr size_t SMALLEST_SHARED = 256 * 1024;
/// The garbage collector gives external memory back only when the event loop turns: over this, outputs are copied.
constexpr int64_t MOST_SHARED = 256 * 1024 * 1024;
std::atomic<int64_t> shared_bytes{0};

at::Tensor detach_tensor(const at::Tensor& given, const std::string& place) {
  if (!given.defined()) throw UnsupportedError(place + ": the model returned an undefined tensor");
  at::Tensor tensor = given;
  if (tensor.is_quantized() || tensor.layout() != at::kStrided || !dtype_of(tensor.scalar_type())) {
    const std::string what = tensor.is_quantized() ? "quantized" : tensor.layout() != at::kStrided ? "sparse" : toString(tensor.scalar_type());
    throw UnsupportedError(place + ": the SDK has no " + what + " tensors");
  }
  const bool moves = tensor.device().type() != at::kCPU;
  if (moves) tensor = tensor.to(at::kCPU);
  if (tensor.is_neg()) tensor = tensor.resolve_neg();
  if (!tensor.is_contiguous() || tensor.layout() != at::kStrided) tensor = tensor.contiguous();
  if (tensor.is_same(given)) {
    // Anyone else who holds it (an input, a weight, a state, another output) could change it, or be changed.
    const bool alone = given.use_count() == 2 && given.storage().use_count() == 1;
    if (!alone) return given.clone(at::MemoryFormat::Contiguous);
  }
  return tensor;
}

Detached detach_at(const c10::IValue& value, const std::string& place);

Detached detach_tuple(const c10::IValue& value, const std::string& place) {
  const auto& tuple = value.toTupleRef();
  Detached result;
  result.kind = Detached::Kind::Array;
  const auto& elements = tuple.elements();
  for (size_t i = 0; i < elements.size(); i++) {
    result.items.push_back(detach_at(elements[i], place + "[" + std::to_string(i) + "]"));
  }
  const auto type = tuple.type<c10::TupleType>();
  if (type && type->schema()) {
    result.kind = Detached::Kind::Object;
    for (const auto& field : type->schema()->arguments()) result.names.push_back(field.name());
  }
  return result;
}

/// A name that JavaScript's objects take for an index: those come first, in order of size.
bool is_index(const std::string& name) {
  if (name.empty() || name.size() > 10 || (name[0] == '0' && name.size() > 1)) return false;
  return std::all_of(name.begin(), name.end(), [](char digit) { return digit >= '0' && digit <= '9'; });
}

/// An object would lose the order of such a dict.
bool has_index(const c10::Dict<c10::IValue, c10::IValue>& dict) {
  for (const auto& entry : dict) {
    if (is_index(entry.key().toStringRef())) return true;
  }
  return false;
}

Detached detach_dict(const c10::IValue& value, const std::string& place) {
  const auto dict = value.toGenericDict();
  Detached result;
  const bool by_name = dict.keyType()->kind() == c10::TypeKind::StringType && !has_index(dict);
  result.kind = by_name ? Detached::Kind::Object : Detached::Kind::Map;
  for (const auto& entry : dict) {
    if (by_name) {
      const std::string& key = entry.key().toStringRef();
      result.items.push_back(detach_at(entry.value(), place + "[\"" + key + "\"]"));
      result.names.push_back(key);
    } else {
      result.keys.push_back(detach_at(entry.key(), place + " key"));
      result.items.push_back(detach_at(entry.value(), place + "[]"));
    }
  }
  return result;
}

Detached detach_at(const c10::IValue& value, const std::string& place) {
  Detached result;
  if (value.isTensor()) {
    result.kind = Detached::Kind::Tensor;
    result.tensor = detach_tensor(value.toTensor(), place);
  } else if (value.isNone()) {
    result.kind = Detached::Kind::None;
  } else if (value.isBool()) {
    result.kind = Detached::Kind::Bool;
    result.integer = value.toBool();
  } else if (value.isInt()) {
    result.kind = Detached::Kind::Int;
    result.integer = value.toInt();
  } else if (value.isDouble()) {
    result.kind = Detached::Kind::Float;
    result.number = value.toDouble();
  } else if (value.isString()) {
    result.kind = Detached::Kind::String;
    result.text = value.toStringRef();
  } else if (value.isDevice()) {
    result.kind = Detached::Kind::String;
    result.text = value.toDevice().str();
  } else if (value.isTuple()) {
    result = detach_tuple(value, place);
  } else if (value.isGenericDict()) {
    result = detach_dict(value, place);
  } else if (value.isList()) {
    const auto list = value.toListRef();
    result.kind = Detached::Kind::Array;
    result.items.reserve(list.size());
    for (size_t i = 0; i < list.size(); i++) {
      result.items.push_back(detach_at(list[i], place + "[" + std::to_string(i) + "]"));
    }
  } else {
    throw UnsupportedError(place + ": " + value.type()->repr_str() + " has no form in JavaScript");
  }
  return result;
}

struct Shared {
  at::Tensor tensor;
  int64_t bytes;
};

Napi::ArrayBuffer buffer_of(Napi::Env env, at::Tensor& tensor, size_t bytes, bool shares) {
  if (bytes >= SMALLEST_SHARED) bytes_since_trim += static_cast<int64_t>(bytes);
  // A view into a larger memory would keep all of it.
  const bool fits = bytes >= SMALLEST_SHARED && tensor.storage().nbytes() <= 2 * bytes;
  if (shares && fits && shared_bytes.load() + static_cast<int64_t>(bytes) <= MOST_SHARED) {
    auto* shared = new Shared{tensor, static_cast<int64_t>(bytes)};
    shared_bytes += shared->bytes;
    napi_value buffer;
    const napi_status status = napi_create_external_arraybuffer(
        env, tensor.data_ptr(), bytes,
        [](napi_env, void*, void* hint) {
          auto* done = static_cast<Shared*>(hint);
          shared_bytes -= done->bytes;
          delete done;
        },
        shared, &buffer);
    if (status == napi_ok) return Napi::ArrayBuffer(env, buffer);
    // Electron has no external buffers.
    shared_bytes -= shared->bytes;
    delete shared;
  }
  auto buffer = Napi::ArrayBuffer::New(env, bytes);
  if (bytes > 0) std::memcpy(buffer.Data(), tensor.data_ptr(), bytes);
  return buffer;
}

Napi::Value tensor_to_js(Napi::Env env, at::Tensor& tensor, const Delivery& delivery) {
  const DType& dtype = *dtype_of(tensor.scalar_type());
  const size_t count = static_cast<size_t>(tensor.numel());
  const auto buffer = buffer_of(env, tensor, count * dtype.bytes, delivery.shares);
  napi_value data;
  if (napi_create_typedarray(env, dtype.array_type, count, buffer, 0, &data) != napi_ok) throw Napi::Error::New(env);
  const auto sizes = tensor.sizes();
  auto shape = Napi::Array::New(env, sizes.size());
  for (size_t axis = 0; axis < sizes.size(); axis++) {
    shape.Set(static_cast<uint32_t>(axis), static_cast<double>(sizes[axis]));
  }
  return delivery.make_tensor.Call({Napi::String::New(env, dtype.name), Napi::Value(env, data), shape});
}

}  // namespace

Detached detach(const c10::IValue& value) { return detach_at(value, "result"); }

Napi::Value to_js(Napi::Env env, Detached& value, const Delivery& delivery) {
  switch (value.kind) {
    case Detached::Kind::None: return env.Null();
    case Detached::Kind::Bool: return Napi::Boolean::New(env, value.integer != 0);
    case Detached::Kind::Int:
      // 2**53 - 1: the last one that every number below is exact to.
      if (value.integer > 9007199254740991LL || value.integer < -9007199254740991LL) {
        return Napi::BigInt::New(env, value.integer);
      }
      return Napi::Number::New(env, static_cast<double>(value.integer));
    case Detached::Kind::Float: return Napi::Number::New(env, value.number);
    case Detached::Kind::String: return Napi::String::New(env, value.text);
    case Detached::Kind::Tensor: return tensor_to_js(env, value.tensor, delivery);
    case Detached::Kind::Array: {
      auto array = Napi::Array::New(env, value.items.size());
      for (size_t i = 0; i < value.items.size(); i++) {
        Napi::HandleScope scope(env);
        array.Set(static_cast<uint32_t>(i), to_js(env, value.items[i], delivery));
      }
      return array;
    }
    case Detached::Kind::Object: {
      auto object = Napi::Object::New(env);
      for (size_t i = 0; i < value.items.size(); i++) {
        Napi::HandleScope scope(env);
        // Defined, not set: a key such as __proto__ is a key.
        object.DefineProperty(Napi::PropertyDescriptor::Value(value.names[i], to_js(env, value.items[i], delivery),
                                                              napi_default_jsproperty));
      }
      return object;
    }
    case Detached::Kind::Map: {
      auto entries = Napi::Array::New(env, value.items.size());
      for (size_t i = 0; i < value.items.size(); i++) {
        auto entry = Napi::Array::New(env, 2);
        entry.Set(0u, to_js(env, value.keys[i], delivery));
        entry.Set(1u, to_js(env, value.items[i], delivery));
        entries.Set(static_cast<uint32_t>(i), entry);
      }
      return env.Global().Get("Map").As<Napi::Function>().New({entries});
    }
  }
  return env.Undefined();
}

}  // namespace tensorferry
