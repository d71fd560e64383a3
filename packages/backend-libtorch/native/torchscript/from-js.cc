#include "from-js.h"

#include <cmath>
#include <cstring>
#include <string>

#include "dtype.h"
#include "errors.h"

namespace tensorferry {

namespace {

/// Where a value stands, for messages; a list on the stack, so that it costs nothing while all is well.
struct Place {
  const Place* parent;
  std::string (*name)(const void*);
  const void* what;

  std::string text() const { return (parent ? parent->text() : std::string()) + name(what); }
};

std::string argument_name(const void* what) { return *static_cast<const std::string*>(what); }
std::string index_name(const void* what) { return "[" + std::to_string(*static_cast<const size_t*>(what)) + "]"; }
std::string key_name(const void* what) { return "[\"" + *static_cast<const std::string*>(what) + "\"]"; }
std::string field_name(const void* what) { return "." + *static_cast<const std::string*>(what); }

std::string kind_of(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return "a boolean";
    case napi_number: return "a number";
    case napi_string: return "a string";
    case napi_symbol: return "a symbol";
    case napi_bigint: return "a bigint";
    case napi_function: return "a function";
    default: break;
  }
  if (value.IsArray()) return "an array";
  if (value.IsTypedArray()) return "a typed array";
  const auto object = value.As<Napi::Object>();
  return object.Has("dtype") && object.Has("shape") ? "a tensor" : "an object";
}

[[noreturn]] void refuse(const Place& place, const std::string& expected, const std::string& got) {
  throw ArgumentError(place.text() + ": expected " + expected + ", got " + got);
}

[[noreturn]] void refuse(const Place& place, const c10::Type& type, const Napi::Value& got) {
  refuse(place, type.repr_str(), kind_of(got));
}

bool is_missing(const Napi::Value& value) { return value.IsNull() || value.IsUndefined(); }

at::Tensor tensor_from_js(const Napi::Value& value, const Place& place, const Conversion& conversion) {
  if (!value.IsObject() || value.IsArray()) refuse(place, "a tensor", kind_of(value));
  const auto object = value.As<Napi::Object>();
  const Napi::Value name = object.Get("dtype");
  const Napi::Value sizes = object.Get("shape");
  const Napi::Value data = object.Get("data");
  if (!name.IsString() || !sizes.IsArray()) refuse(place, "a tensor of dtype, shape and data", kind_of(value));
  char text[16];
  size_t length = 0;
  napi_get_value_string_latin1(value.Env(), name, text, sizeof text, &length);
  const DType* dtype = dtype_named(text);
  if (!dtype) refuse(place, std::string("a dtype that libtorch has"), "\"" + name.As<Napi::String>().Utf8Value() + "\"");

  napi_typedarray_type array_type;
  size_t count = 0;
  void* memory = nullptr;
  if (!data.IsTypedArray() || napi_get_typedarray_info(value.Env(), data, &array_type, &count, &memory, nullptr,
                                                       nullptr) != napi_ok) {
    refuse(place, std::string(dtype->name) + " data in a typed array", kind_of(data));
  }
  if (array_type != dtype->array_type) refuse(place, std::string("the array class of ") + dtype->name, "another one");

  const auto shape_array = sizes.As<Napi::Array>();
  const uint32_t rank = shape_array.Length();
  if (rank > 64) refuse(place, "at most 64 dimensions", std::to_string(rank));
  c10::SmallVector<int64_t, 6> shape(rank);
  double elements = 1;
  for (uint32_t axis = 0; axis < rank; axis++) {
    const Napi::Value size = shape_array[axis];
    const double number = size.IsNumber() ? size.As<Napi::Number>().DoubleValue() : -1;
    if (!(number >= 0) || number != std::floor(number) || number > 9007199254740991.0) {
      refuse(place, "a shape of whole numbers", "another one");
    }
    shape[axis] = static_cast<int64_t>(number);
    elements *= number;
  }
  if (elements != static_cast<double>(count)) {
    refuse(place, "as many elements as the shape holds", std::to_string(count));
  }

  const auto type = at::TensorOptions().dtype(dtype->type);
  // A bool that is neither 0 nor 1 is undefined in C++: it is never borrowed.
  if (conversion.copies || dtype->type == at::kBool) {
    at::Tensor copy = at::empty(shape, type);
    copy_elements(copy.data_ptr(), memory, count * dtype->bytes, *dtype);
    return copy;
  }
  conversion.borrowed->push_back(Napi::Persistent(data.As<Napi::Object>()));
  return count == 0 ? at::empty(shape, type) : at::from_blob(memory, shape, type);
}

int64_t int_from_js(const Napi::Value& value, const c10::Type& type, const Place& place) {
  if (value.IsBigInt()) {
    bool lossless = false;
    const int64_t number = value.As<Napi::BigInt>().Int64Value(&lossless);
    if (!lossless) refuse(place, "an integer of 64 bits", "a larger bigint");
    return number;
  }
  if (!value.IsNumber()) refuse(place, type, value);
  const double number = value.As<Napi::Number>().DoubleValue();
  if (number != std::floor(number) || std::fabs(number) > 9007199254740991.0) {
    refuse(place, "a whole number up to 2**53, or a bigint", std::to_string(number));
  }
  return static_cast<int64_t>(number);
}

c10::IValue from_js(const Napi::Value& value, const c10::TypePtr& type, const Place& place,
                    const Conversion& conversion);

c10::IValue list_from_js(const Napi::Value& value, const c10::Type& type, const Place& place,
                         const Conversion& conversion) {
  if (!value.IsArray()) refuse(place, type, value);
  const auto array = value.As<Napi::Array>();
  const auto element = type.expectRef<c10::ListType>().getElementType();
  c10::impl::GenericList list(element);
  list.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) {
    const size_t index = i;
    list.push_back(from_js(array[i], element, {&place, index_name, &index}, conversion));
  }
  return list;
}

c10::IValue tuple_from_js(const Napi::Value& value, const c10::TypePtr& type, const Place& place,
                          const Conversion& conversion) {
  const auto& tuple = type->expectRef<c10::TupleType>();
  const auto types = tuple.elements();
  const auto& schema = tuple.schema();
  std::vector<c10::IValue> elements;
  elements.reserve(types.size());
  if (value.IsArray()) {
    const auto array = value.As<Napi::Array>();
    if (array.Length() != types.size()) {
      refuse(place, std::to_string(types.size()) + " elements for " + type->repr_str(), std::to_string(array.Length()));
    }
    for (size_t i = 0; i < types.size(); i++) {
      elements.push_back(from_js(array[static_cast<uint32_t>(i)], types[i], {&place, index_name, &i}, conversion));
    }
  } else if (schema && value.IsObject()) {
    const auto object = value.As<Napi::Object>();
    for (size_t i = 0; i < types.size(); i++) {
      const std::string& field = schema->arguments()[i].name();
      elements.push_back(from_js(object.Get(field), types[i], {&place, field_name, &field}, conversion));
    }
  } else {
    refuse(place, *type, value);
  }
  if (schema) return c10::ivalue::Tuple::createNamed(std::move(elements), type->cast<c10::TupleType>());
  return c10::ivalue::Tuple::create(std::move(elements));
}

c10::IValue dict_from_js(const Napi::Value& value, const c10::Type& type, const Place& place,
                         const Conversion& conversion) {
  const auto& dict_type = type.expectRef<c10::DictType>();
  const auto key_type = dict_type.getKeyType();
  const auto value_type = dict_type.getValueType();
  c10::impl::GenericDict dict(key_type, value_type);
  if (!value.IsObject() || value.IsArray() || value.IsTypedArray() || value.IsFunction()) refuse(place, type, value);
  const auto object = value.As<Napi::Object>();
  const auto map_class = value.Env().Global().Get("Map").As<Napi::Function>();
  if (object.InstanceOf(map_class)) {
    const auto from = value.Env().Global().Get("Array").As<Napi::Object>();
    const auto entries = from.Get("from").As<Napi::Function>().Call(from, {object}).As<Napi::Array>();
    for (uint32_t i = 0; i < entries.Length(); i++) {
      const auto entry = entries.Get(i).As<Napi::Array>();
      const size_t index = i;
      const Place entry_place{&place, index_name, &index};
      dict.insert_or_assign(from_js(entry.Get(0u), key_type, entry_place, conversion),
                            from_js(entry.Get(1u), value_type, entry_place, conversion));
    }
    return dict;
  }
  if (key_type->kind() != c10::TypeKind::StringType) refuse(place, "a Map for " + type.repr_str(), kind_of(value));
  const auto keys = object.GetPropertyNames();
  for (uint32_t i = 0; i < keys.Length(); i++) {
    const std::string key = keys.Get(i).ToString().Utf8Value();
    dict.insert_or_assign(key, from_js(object.Get(key), value_type, {&place, key_name, &key}, conversion));
  }
  return dict;
}

/// For `Any` and `number`, which do not say: a number is a float, a bigint an int.
c10::IValue untyped_from_js(const Napi::Value& value, const c10::Type& type, const Place& place,
                            const Conversion& conversion) {
  if (value.IsNumber()) return value.As<Napi::Number>().DoubleValue();
  if (value.IsBigInt()) return int_from_js(value, type, place);
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  if (type.kind() == c10::TypeKind::AnyType) {
    if (is_missing(value)) return {};
    if (value.IsString()) return value.As<Napi::String>().Utf8Value();
    if (value.IsObject() && !value.IsArray()) return tensor_from_js(value, place, conversion);
  }
  refuse(place, type, value);
}

c10::IValue union_from_js(const Napi::Value& value, const c10::Type& type, const Place& place,
                          const Conversion& conversion) {
  for (const auto& member : type.expectRef<c10::UnionType>().containedTypes()) {
    try {
      return from_js(value, member, place, conversion);
    } catch (const ArgumentError&) {
      // The next one may fit.
    }
  }
  refuse(place, type, value);
}

c10::IValue from_js(const Napi::Value& value, const c10::TypePtr& type, const Place& place,
                    const Conversion& conversion) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType: return tensor_from_js(value, place, conversion);
    case c10::TypeKind::IntType: return int_from_js(value, *type, place);
    case c10::TypeKind::FloatType:
      if (!value.IsNumber()) refuse(place, *type, value);
      return value.As<Napi::Number>().DoubleValue();
    case c10::TypeKind::BoolType:
      if (!value.IsBoolean()) refuse(place, *type, value);
      return value.As<Napi::Boolean>().Value();
    case c10::TypeKind::StringType:
      if (!value.IsString()) refuse(place, *type, value);
      return value.As<Napi::String>().Utf8Value();
    case c10::TypeKind::NoneType:
      if (!is_missing(value)) refuse(place, *type, value);
      return {};
    case c10::TypeKind::DeviceObjType:
      if (!value.IsString()) refuse(place, "the name of a device", kind_of(value));
      try {
        return c10::Device(value.As<Napi::String>().Utf8Value());
      } catch (const c10::Error&) {
        refuse(place, "the name of a device", "another text");
      }
    case c10::TypeKind::OptionalType:
      if (is_missing(value)) return {};
      return from_js(value, type->expectRef<c10::OptionalType>().getElementType(), place, conversion);
    case c10::TypeKind::ListType: return list_from_js(value, *type, place, conversion);
    case c10::TypeKind::TupleType: return tuple_from_js(value, type, place, conversion);
    case c10::TypeKind::DictType: return dict_from_js(value, *type, place, conversion);
    case c10::TypeKind::UnionType: return union_from_js(value, *type, place, conversion);
    case c10::TypeKind::NumberType:
    case c10::TypeKind::AnyType: return untyped_from_js(value, *type, place, conversion);
    default: throw UnsupportedError(place.text() + ": " + type->repr_str() + " has no form in JavaScript");
  }
}

}  // namespace

std::vector<c10::IValue> arguments_from_js(const c10::FunctionSchema& schema, const Napi::Array& values,
                                           const Conversion& conversion) {
  const auto& arguments = schema.arguments();
  const size_t most = arguments.size() - 1;
  size_t least = 0;
  while (least < most && !arguments[least + 1].default_value()) least++;
  const size_t count = values.Length();
  if (count < least || count > most) {
    const std::string expected = least == most ? std::to_string(most) : std::to_string(least) + " to " + std::to_string(most);
    throw ArgumentError(schema.name() + ": expected " + expected + (most == 1 ? " argument" : " arguments") + ", got " +
                        std::to_string(count));
  }
  std::vector<c10::IValue> stack;
  stack.reserve(arguments.size());
  for (size_t i = 0; i < count; i++) {
    const auto& argument = arguments[i + 1];
    const Napi::Value value = values[static_cast<uint32_t>(i)];
    // Left out in the middle: the default.
    if (value.IsUndefined() && argument.default_value()) {
      stack.push_back(*argument.default_value());
      continue;
    }
    stack.push_back(from_js(value, argument.type(), {nullptr, argument_name, &argument.name()}, conversion));
  }
  return stack;
}

}  // namespace tensorferry
