// Opens a library by absolute path, before an addon that is linked to it: without this the system's loader may take
// another copy. Its symbols stay its own: Debian's libtorch brings a GLib, and sharp would take calls of its own to that
// one. No headers but Node-API's.
#include <node_api.h>

#include <string>

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace {

std::string open_library(const std::string& path) {
#ifdef _WIN32
  // The library's own folder is searched for what it needs.
  if (LoadLibraryExA(path.c_str(), nullptr, LOAD_WITH_ALTERED_SEARCH_PATH)) return "";
  return "LoadLibrary failed with error " + std::to_string(GetLastError());
#else
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return "";
  const char* reason = dlerror();
  return reason ? reason : "dlopen failed";
#endif
}

napi_value open(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  size_t length = 0;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok || count < 1 ||
      napi_get_value_string_utf8(env, argument, nullptr, 0, &length) != napi_ok) {
    napi_throw_type_error(env, nullptr, "open expects a path");
    return nullptr;
  }
  std::string path(length + 1, '\0');
  napi_get_value_string_utf8(env, argument, path.data(), path.size(), &length);
  path.resize(length);
  const std::string failure = open_library(path);
  if (!failure.empty()) napi_throw_error(env, nullptr, failure.c_str());
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  if (napi_create_function(env, "open", NAPI_AUTO_LENGTH, open, nullptr, &function) != napi_ok) return nullptr;
  napi_set_named_property(env, exports, "open", function);
  return exports;
}
