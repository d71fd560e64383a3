// From libtorch's tensors to dense memory that a caller may have.
#pragma once

#include "constants.h"

/// Fills `outputs`; takes those handles that it keeps (their places become null).
bool tf_take_outputs(const tf_model* model, const tf_input* inputs, tf_handle* results, tf_output* outputs,
                     tf_error* error);
