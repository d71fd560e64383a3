// Small tensors in and out through memory that JavaScript and the addon share: a model that takes microseconds spends
// more on Node-API's handles than on its operators.
//
// The first HEADER bytes are float64: a count, then for each tensor its dtype (index into DTYPES), byte offset, rank and
// sizes. Data lies behind, aligned to 64 bytes.
#pragma once

#include <cstring>
#include <vector>

#include "dtype.h"
#include "errors.h"
#include "to-js.h"
#include "torch.h"

namespace tensorferry {

class Exchange {
 public:
  static constexpr size_t SIZE = 64 * 1024;
  static constexpr size_t HEADER = 4 * 1024;

  explicit Exchange(void* memory) : bytes_(static_cast<char*>(memory)) {}

  /// The tensors that JavaScript has put there, each with memory of its own.
  std::vector<c10::IValue> read() const {
    Header header{numbers(), numbers() + HEADER / 8};
    const size_t count = header.next();
    std::vector<c10::IValue> values;
    values.reserve(count + 1);
    for (size_t i = 0; i < count; i++) {
      const size_t code = header.next();
      const size_t offset = header.next();
      c10::SmallVector<int64_t, 6> shape(header.next());
      size_t elements = 1;
      for (auto& size : shape) elements *= static_cast<size_t>(size = static_cast<int64_t>(header.next()));
      if (code >= std::size(DTYPES)) throw ArgumentError("exchange: no such dtype");
      const DType& dtype = DTYPES[code];
      const size_t length = elements * dtype.bytes;
      if (elements > SIZE || offset < HEADER || offset + length > SIZE) throw ArgumentError("exchange: out of bounds");
      at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(dtype.type));
      copy_elements(tensor.data_ptr(), bytes_ + offset, length, dtype);
      values.emplace_back(std::move(tensor));
    }
    return values;
  }

  /// Puts a tensor, or a tuple of them, there. False: it does not fit, or is something else.
  bool write(const Detached& result) {
    if (result.kind == Detached::Kind::Tensor) return write(&result, 1);
    return result.kind == Detached::Kind::Array && write(result.items.data(), result.items.size());
  }

 private:
  struct Header {
    double* at;
    double* end;
    size_t next() {
      if (at == end) throw ArgumentError("exchange: header out of bounds");
      return static_cast<size_t>(*at++);
    }
    bool put(size_t value) {
      if (at == end) return false;
      *at++ = static_cast<double>(value);
      return true;
    }
  };

  double* numbers() const { return reinterpret_cast<double*>(bytes_); }

  bool write(const Detached* results, size_t count) {
    Header header{numbers(), numbers() + HEADER / 8};
    header.put(count);
    size_t offset = HEADER;
    for (size_t i = 0; i < count; i++) {
      if (results[i].kind != Detached::Kind::Tensor) return false;
      const at::Tensor& tensor = results[i].tensor;
      const DType* dtype = dtype_of(tensor.scalar_type());
      const size_t length = tensor.nbytes();
      if (offset + length > SIZE) return false;
      bool fits = header.put(static_cast<size_t>(dtype - DTYPES)) && header.put(offset) && header.put(tensor.dim());
      for (const int64_t size : tensor.sizes()) fits = fits && header.put(static_cast<size_t>(size));
      if (!fits) return false;
      if (length > 0) std::memcpy(bytes_ + offset, tensor.data_ptr(), length);
      offset += (length + 63) / 64 * 64;
    }
    return true;
  }

  char* bytes_;
};

}  // namespace tensorferry
