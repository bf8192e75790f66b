// The addon: a table of functions from the binding_*.cc files, called through one trampoline that turns C++ exceptions into
// JavaScript ones. Plain Node-API, so that one build serves every Node from 20 on.
#include <node_api.h>

#include <exception>
#include <new>
#include <string>
#include <vector>

#include "call.h"
#include "conv.h"
#include "simd.h"

#if defined(__unix__) || defined(__APPLE__)
#include <dlfcn.h>
#endif

namespace limbeck {
namespace {

napi_value trampoline(napi_env env, napi_callback_info info) {
  std::string message;
  try {
    Call call(env, info);
    try {
      return call.target().function(call);
    } catch (const std::bad_alloc&) {
      message = std::string(call.function()) + ": out of memory; use a smaller batch";
    }
  } catch (const std::exception& error) {
    message = error.what();
  } catch (...) {
    message = "unknown error in the native back end";
  }
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, nullptr, message.c_str());
  return nullptr;
}

// Worker threads of the pool may outlive the last JavaScript thread that uses the addon: its code must stay mapped.
void keepLoaded() {
#if (defined(__unix__) || defined(__APPLE__)) && defined(RTLD_NODELETE)
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&keepLoaded), &info) && info.dli_fname) dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE);
#endif
}

std::vector<Export>& allExports() {
  static auto* all = [] {
    auto* list = new std::vector<Export>;
    for (const auto& part : {systemExports(), elementwiseExports(), imageExports(), convExports(), blockExports()}) {
      list->insert(list->end(), part.begin(), part.end());
    }
    return list;
  }();
  return *all;
}

napi_value initialise(napi_env env, napi_value exports) {
  try {
    keepLoaded();
    selectSimd(isa().c_str());
    for (Export& each : allExports()) {
      napi_value function;
      require(napi_create_function(env, each.name, NAPI_AUTO_LENGTH, trampoline, &each, &function), "napi_create_function");
      require(napi_set_named_property(env, exports, each.name, function), "napi_set_named_property");
    }
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
  return exports;
}

}  // namespace
}  // namespace limbeck

NAPI_MODULE_INIT() { return limbeck::initialise(env, exports); }
