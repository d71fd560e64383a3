// What a TorchScript archive would run beside tensor arithmetic, found before any of it runs.
#pragma once

#include <string>
#include <vector>

#include "torch.h"

namespace tensorferry {

/// An operator or a class of C++ that is not in `operators.h`, at the first place that names it.
struct Foreign {
  /// Such as `aten::from_file`, or `__torch__.torch.classes.quantized.Other`.
  std::string name;
  /// File in the archive: `code/__torch__.py`; empty: an object among the model's attributes or constants.
  std::string file;
  /// From 1.
  size_t line = 0;
};

/// Compiles all code that loading the archive would, in a unit of its own, and looks at every operator. Nothing of the
/// archive runs: objects stay empty, their `__setstate__` is not called.
std::vector<Foreign> find_foreign(const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& archive);

/// Throws UntrustedError: one line for each, its parts separated by tabs.
void require_known(const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& archive);

}  // namespace tensorferry
