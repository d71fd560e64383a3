// libtorch's values to JavaScript, in two steps: `detach` on the model's thread, `to_js` on JavaScript's.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "torch.h"

namespace tensorferry {

/// A result without ties to the model: tensors are dense, on the CPU, and nobody else holds their memory.
struct Detached {
  enum class Kind { None, Bool, Int, Float, String, Tensor, Array, Object, Map };
  Kind kind = Kind::None;
  int64_t integer = 0;
  double number = 0;
  std::string text;
  at::Tensor tensor;
  std::vector<Detached> items;
  /// Of an object: its names. Of a map: keys, as many as items.
  std::vector<std::string> names;
  std::vector<Detached> keys;
};

/// Throws UnsupportedError for what has no form in JavaScript.
Detached detach(const c10::IValue& value);

struct Delivery {
  /// The SDK's constructor of tensors: (dtype, data, shape).
  Napi::Function make_tensor;
  /// False: every tensor is copied into memory of JavaScript's.
  bool shares;
};

Napi::Value to_js(Napi::Env env, Detached& value, const Delivery& delivery);

}  // namespace tensorferry
