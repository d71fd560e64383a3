// What the addon throws by itself, and how any exception is told to JavaScript: as a kind and a text.
#pragma once

#include <new>
#include <stdexcept>
#include <string>

#include "torch.h"

namespace tensorferry {

/// A value from JavaScript does not fit the schema.
struct ArgumentError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The model uses something that has no form in JavaScript.
struct UnsupportedError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// There is no method or attribute of that name.
struct NotFoundError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The file runs more than tensor arithmetic, and nobody has said that it may; see `require_known`.
struct UntrustedError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Failure {
  const char* kind = nullptr;
  std::string message;
};

/// To be called in a catch block, at every way out of native code: an exception that passes it ends the process.
/// libtorch throws more than c10::Error (torch::jit::ErrorReport is a std::exception of its own).
inline Failure current_failure() noexcept {
  try {
    try {
      throw;
    } catch (const ArgumentError& error) {
      return {"ARGUMENT", error.what()};
    } catch (const UnsupportedError& error) {
      return {"UNSUPPORTED", error.what()};
    } catch (const NotFoundError& error) {
      return {"NOT_FOUND", error.what()};
    } catch (const UntrustedError& error) {
      return {"UNTRUSTED", error.what()};
    } catch (const c10::Error& error) {
      return {"TORCH", error.what_without_backtrace()};
    } catch (const std::bad_alloc&) {
      return {"OUT_OF_MEMORY", "std::bad_alloc"};
    } catch (const std::exception& error) {
      return {"TORCH", error.what()};
    } catch (...) {
      return {"TORCH", "an exception of an unknown kind"};
    }
  } catch (...) {
    return {"OUT_OF_MEMORY", ""};
  }
}

}  // namespace tensorferry
