// Whether a module remembers: does any of its methods write to what the module holds, or to its inputs?
#pragma once

#include "torch.h"

namespace tensorferry {

struct Writes {
  /// A buffer or attribute of the module changes from run to run.
  bool state = false;
  /// An argument is changed in place.
  bool inputs = false;
};

Writes find_writes(const torch::jit::Module& module);

}  // namespace tensorferry
