// What a model and this libtorch are, as plain data for JavaScript.
#pragma once

#include <napi.h>

#include "model.h"

namespace tensorferry {

Napi::Object describe(Napi::Env env, const Model& model);

/// Devices that this libtorch can use here.
Napi::Object devices(Napi::Env env);

}  // namespace tensorferry
