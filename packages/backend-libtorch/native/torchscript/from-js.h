// JavaScript values to libtorch's, led by a method's schema.
#pragma once

#include <napi.h>

#include <vector>

#include "torch.h"

namespace tensorferry {

struct Conversion {
  /// True: tensors get memory of their own. False: they borrow the typed arrays, which `borrowed` keeps alive.
  bool copies = true;
  std::vector<Napi::ObjectReference>* borrowed = nullptr;
};

/// The stack for a method: `self` is not in it; arguments that are not given are left to the schema's defaults.
std::vector<c10::IValue> arguments_from_js(const c10::FunctionSchema& schema, const Napi::Array& values,
                                           const Conversion& conversion);

}  // namespace tensorferry
