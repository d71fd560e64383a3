// The SDK's element types and libtorch's.
#pragma once

#include <napi.h>

#include <cstring>

#include "torch.h"

namespace tensorferry {

struct DType {
  const char* name;
  at::ScalarType type;
  size_t bytes;
  napi_typedarray_type array_type;
};

inline constexpr DType DTYPES[] = {
    {"float32", at::kFloat, 4, napi_float32_array},   {"int64", at::kLong, 8, napi_bigint64_array},
    {"uint8", at::kByte, 1, napi_uint8_array},        {"bool", at::kBool, 1, napi_uint8_array},
    {"float64", at::kDouble, 8, napi_float64_array},  {"float16", at::kHalf, 2, napi_uint16_array},
    {"bfloat16", at::kBFloat16, 2, napi_uint16_array}, {"int32", at::kInt, 4, napi_int32_array},
    {"int16", at::kShort, 2, napi_int16_array},       {"int8", at::kChar, 1, napi_int8_array},
};

inline const DType* dtype_named(const char* name) {
  for (const DType& dtype : DTYPES) {
    if (std::strcmp(dtype.name, name) == 0) return &dtype;
  }
  return nullptr;
}

inline const DType* dtype_of(at::ScalarType type) {
  for (const DType& dtype : DTYPES) {
    if (dtype.type == type) return &dtype;
  }
  return nullptr;
}

/// From JavaScript's memory. A bool that is neither 0 nor 1 is undefined in C++.
inline void copy_elements(void* to, const void* from, size_t bytes, const DType& dtype) {
  if (dtype.type == at::kBool) {
    for (size_t i = 0; i < bytes; i++) static_cast<uint8_t*>(to)[i] = static_cast<const uint8_t*>(from)[i] != 0;
  } else if (bytes > 0) {
    std::memcpy(to, from, bytes);
  }
}

}  // namespace tensorferry
