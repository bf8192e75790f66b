#include "call.h"

#include <cmath>
#include <stdexcept>

namespace limbeck {

void require(napi_status status, const char* what) {
  if (status != napi_ok) throw std::runtime_error(std::string(what) + ": Node-API status " + std::to_string(status));
}

Call::Call(napi_env env, napi_callback_info info) : env_(env) {
  void* data = nullptr;
  require(napi_get_cb_info(env, info, &count_, values_, nullptr, &data), "napi_get_cb_info");
  export_ = static_cast<const Export*>(data);
}

napi_value Call::value(int i) const {
  return static_cast<size_t>(i) < count_ ? values_[i] : undefined();
}

bool Call::absent(int i) const {
  napi_valuetype type = napi_undefined;
  require(napi_typeof(env_, value(i), &type), "napi_typeof");
  return type == napi_undefined || type == napi_null;
}

std::string Call::describe(int i) const {
  bool typed = false;
  if (napi_is_typedarray(env_, value(i), &typed) == napi_ok && typed) {
    static const char* const names[] = {"Int8Array",   "Uint8Array",   "Uint8ClampedArray", "Int16Array",    "Uint16Array",   "Int32Array",
                                        "Uint32Array", "Float32Array", "Float64Array",      "BigInt64Array", "BigUint64Array"};
    napi_typedarray_type type;
    size_t length = 0;
    require(napi_get_typedarray_info(env_, value(i), &type, &length, nullptr, nullptr, nullptr), "napi_get_typedarray_info");
    const char* const name = static_cast<int>(type) <= 10 ? names[type] : "typed array";
    return std::string(name) + " of " + std::to_string(length);
  }
  static const char* const names[] = {"undefined", "null",   "a boolean",  "a number",  "a string",
                                      "a symbol",  "an object", "a function", "an object", "a bigint"};
  napi_valuetype type = napi_undefined;
  require(napi_typeof(env_, value(i), &type), "napi_typeof");
  std::string text = static_cast<int>(type) <= 9 ? names[type] : "something else";
  double number = 0;
  if (type == napi_number && napi_get_value_double(env_, value(i), &number) == napi_ok) {
    text = number == std::floor(number) && std::fabs(number) < 1e15 ? std::to_string(static_cast<int64_t>(number))
                                                                    : std::to_string(number);
  }
  return text;
}

void Call::fail(const char* name, const std::string& wanted, int i) const {
  throw std::invalid_argument(std::string(function()) + ": `" + name + "`: " + wanted + " is wanted, got " + describe(i));
}

double Call::number(int i, const char* name) const {
  double number = 0;
  if (napi_get_value_double(env_, value(i), &number) != napi_ok) fail(name, "a number", i);
  return number;
}

int64_t Call::integer(int i, const char* name, int64_t low, int64_t high) const {
  double number = 0;
  const bool ok = napi_get_value_double(env_, value(i), &number) == napi_ok;
  if (!ok || !(number >= static_cast<double>(low) && number <= static_cast<double>(high)) || number != std::floor(number)) {
    fail(name, "a whole number from " + std::to_string(low) + " to " + std::to_string(high), i);
  }
  return static_cast<int64_t>(number);
}

bool Call::boolean(int i, const char* name) const {
  bool flag = false;
  if (napi_get_value_bool(env_, value(i), &flag) != napi_ok) fail(name, "a boolean", i);
  return flag;
}

std::string Call::text(int i, const char* name) const {
  size_t length = 0;
  if (napi_get_value_string_utf8(env_, value(i), nullptr, 0, &length) != napi_ok) fail(name, "a string", i);
  std::string text(length + 1, '\0');
  require(napi_get_value_string_utf8(env_, value(i), text.data(), length + 1, &length), "napi_get_value_string_utf8");
  text.resize(length);
  return text;
}

std::vector<double> Call::numbers(int i, const char* name) const {
  bool isArray = false;
  require(napi_is_array(env_, value(i), &isArray), "napi_is_array");
  if (!isArray) fail(name, "an array of numbers", i);
  uint32_t length = 0;
  require(napi_get_array_length(env_, value(i), &length), "napi_get_array_length");
  if (length > 64) fail(name, "an array of at most 64 numbers", i);
  std::vector<double> numbers(length);
  for (uint32_t k = 0; k < length; ++k) {
    napi_value element;
    require(napi_get_element(env_, value(i), k, &element), "napi_get_element");
    if (napi_get_value_double(env_, element, &numbers[k]) != napi_ok) fail(name, "an array of numbers", i);
  }
  return numbers;
}

Shape Call::integers(int i, const char* name) const {
  const std::vector<double> given = numbers(i, name);
  Shape shape(given.size());
  for (size_t k = 0; k < given.size(); ++k) {
    if (given[k] != std::floor(given[k]) || std::fabs(given[k]) > 4503599627370496.0) fail(name, "an array of whole numbers", i);
    shape[k] = static_cast<int64_t>(given[k]);
  }
  return shape;
}

Shape Call::shape(int i, const char* name) const {
  const Shape shape = integers(i, name);
  if (shape.size() > 16) fail(name, "a shape of at most 16 axes", i);
  double product = 1;
  for (const int64_t size : shape) {
    if (size < 0) fail(name, "a shape without negative sizes", i);
    product *= size < 1 ? 1 : static_cast<double>(size);
  }
  if (product > 4503599627370496.0) fail(name, "a shape of at most 2^52 elements", i);
  return shape;
}

void* Call::array(int i, const char* name, napi_typedarray_type wantedType, const char* typeName, int64_t wanted, int64_t& length) const {
  napi_typedarray_type type;
  size_t count = 0;
  void* data = nullptr;
  const bool ok = napi_get_typedarray_info(env_, value(i), &type, &count, &data, nullptr, nullptr) == napi_ok;
  if (!ok || type != wantedType || (wanted >= 0 && static_cast<int64_t>(count) != wanted)) {
    fail(name, wanted < 0 ? std::string(typeName) : std::string(typeName) + " of " + std::to_string(wanted), i);
  }
  length = static_cast<int64_t>(count);
  return data;
}

float* Call::floats(int i, const char* name, int64_t length) const {
  return static_cast<float*>(array(i, name, napi_float32_array, "Float32Array", length, length));
}
float* Call::optionalFloats(int i, const char* name, int64_t length) const {
  return absent(i) ? nullptr : floats(i, name, length);
}
int32_t* Call::ints(int i, const char* name, int64_t length) const {
  return static_cast<int32_t*>(array(i, name, napi_int32_array, "Int32Array", length, length));
}
uint8_t* Call::bytes(int i, const char* name, int64_t length) const {
  return static_cast<uint8_t*>(array(i, name, napi_uint8_array, "Uint8Array", length, length));
}
float* Call::anyFloats(int i, const char* name, int64_t& length) const {
  return static_cast<float*>(array(i, name, napi_float32_array, "Float32Array", -1, length));
}

napi_value Call::undefined() const {
  napi_value value;
  require(napi_get_undefined(env_, &value), "napi_get_undefined");
  return value;
}
napi_value Call::result(double number) const {
  napi_value value;
  require(napi_create_double(env_, number, &value), "napi_create_double");
  return value;
}
napi_value Call::result(const std::string& text) const {
  napi_value value;
  require(napi_create_string_utf8(env_, text.data(), text.size(), &value), "napi_create_string_utf8");
  return value;
}
napi_value Call::result(const std::vector<std::string>& texts) const {
  napi_value list;
  require(napi_create_array_with_length(env_, texts.size(), &list), "napi_create_array_with_length");
  for (size_t i = 0; i < texts.size(); ++i) {
    require(napi_set_element(env_, list, static_cast<uint32_t>(i), result(texts[i])), "napi_set_element");
  }
  return list;
}

napi_value Call::result(const std::vector<double>& numbers) const {
  napi_value list;
  require(napi_create_array_with_length(env_, numbers.size(), &list), "napi_create_array_with_length");
  for (size_t i = 0; i < numbers.size(); ++i) {
    require(napi_set_element(env_, list, static_cast<uint32_t>(i), result(numbers[i])), "napi_set_element");
  }
  return list;
}

}  // namespace limbeck
