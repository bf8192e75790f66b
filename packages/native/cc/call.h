// Arguments and results of one call from JavaScript. Every argument is checked; what does not fit throws std::invalid_argument, which
// the trampoline in binding.cc turns into a JavaScript exception.
#pragma once
#include <node_api.h>

#include <cstdint>
#include <string>
#include <vector>

#include "elementwise.h"

namespace limbeck {

class Call;
struct Export {
  const char* name;
  napi_value (*function)(Call&);
};

class Call {
 public:
  Call(napi_env env, napi_callback_info info);

  napi_env env() const { return env_; }
  napi_value value(int i) const;
  bool absent(int i) const;  // undefined, null or not given

  int64_t integer(int i, const char* name, int64_t low = 0, int64_t high = int64_t{1} << 52) const;
  double number(int i, const char* name) const;
  bool boolean(int i, const char* name) const;
  std::string text(int i, const char* name) const;
  std::vector<double> numbers(int i, const char* name) const;
  Shape shape(int i, const char* name) const;      // no negative sizes, product below 2^52
  Shape integers(int i, const char* name) const;   // any sign

  // Data of a typed array that must have exactly `length` elements.
  float* floats(int i, const char* name, int64_t length) const;
  float* optionalFloats(int i, const char* name, int64_t length) const;  // null where absent
  int32_t* ints(int i, const char* name, int64_t length) const;
  uint8_t* bytes(int i, const char* name, int64_t length) const;
  // A float array of any length.
  float* anyFloats(int i, const char* name, int64_t& length) const;

  napi_value undefined() const;
  napi_value result(double value) const;
  napi_value result(const std::string& value) const;
  napi_value result(const std::vector<std::string>& values) const;
  napi_value result(const std::vector<double>& values) const;

  [[noreturn]] void fail(const char* name, const std::string& wanted, int i) const;
  const char* function() const { return export_->name; }
  const Export& target() const { return *export_; }

 private:
  void* array(int i, const char* name, napi_typedarray_type type, const char* typeName, int64_t wanted, int64_t& length) const;
  std::string describe(int i) const;

  static constexpr size_t kMost = 32;
  napi_env env_;
  napi_value values_[kMost];
  size_t count_ = kMost;
  const Export* export_ = nullptr;
};

// Throws std::runtime_error if a Node-API call went wrong.
void require(napi_status status, const char* what);

// The functions that each binding file offers.
std::vector<Export> systemExports();
std::vector<Export> elementwiseExports();
std::vector<Export> imageExports();
std::vector<Export> convExports();
std::vector<Export> blockExports();

}  // namespace limbeck
