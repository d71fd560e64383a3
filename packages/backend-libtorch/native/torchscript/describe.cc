#include "describe.h"

namespace tensorferry {

namespace {

/// Classes of Python are followed by an address.
std::string text_of(const c10::Type& type) {
  static const std::string begin = " (of Python compilation unit at: ";
  std::string text = type.repr_str();
  for (size_t at = text.find(begin); at != std::string::npos; at = text.find(begin)) {
    text.erase(at, text.find(')', at) + 1 - at);
  }
  return text;
}

Napi::Object type_tree(Napi::Env env, const c10::TypePtr& type) {
  auto tree = Napi::Object::New(env);
  tree.Set("text", text_of(*type));
  const auto set_kind = [&](const char* kind) { tree.Set("kind", kind); };
  const auto set_items = [&](c10::ArrayRef<c10::TypePtr> types) {
    auto items = Napi::Array::New(env, types.size());
    for (size_t i = 0; i < types.size(); i++) items.Set(static_cast<uint32_t>(i), type_tree(env, types[i]));
    tree.Set("items", items);
  };
  switch (type->kind()) {
    case c10::TypeKind::TensorType: set_kind("tensor"); break;
    case c10::TypeKind::IntType: set_kind("int"); break;
    case c10::TypeKind::FloatType: set_kind("float"); break;
    case c10::TypeKind::BoolType: set_kind("bool"); break;
    case c10::TypeKind::StringType: set_kind("str"); break;
    case c10::TypeKind::NoneType: set_kind("none"); break;
    case c10::TypeKind::NumberType: set_kind("number"); break;
    case c10::TypeKind::DeviceObjType: set_kind("device"); break;
    case c10::TypeKind::AnyType: set_kind("any"); break;
    case c10::TypeKind::OptionalType:
      set_kind("optional");
      set_items({type->expectRef<c10::OptionalType>().getElementType()});
      break;
    case c10::TypeKind::ListType:
      set_kind("list");
      set_items({type->expectRef<c10::ListType>().getElementType()});
      break;
    case c10::TypeKind::DictType:
      set_kind("dict");
      set_items({type->expectRef<c10::DictType>().getKeyType(), type->expectRef<c10::DictType>().getValueType()});
      break;
    case c10::TypeKind::TupleType: {
      set_kind("tuple");
      const auto& tuple = type->expectRef<c10::TupleType>();
      set_items(tuple.elements());
      if (tuple.schema()) {
        auto fields = Napi::Array::New(env);
        for (const auto& field : tuple.schema()->arguments()) fields.Set(fields.Length(), field.name());
        tree.Set("fields", fields);
      }
      break;
    }
    case c10::TypeKind::UnionType:
      set_kind("union");
      set_items(type->expectRef<c10::UnionType>().containedTypes());
      break;
    default: set_kind("unsupported");
  }
  return tree;
}

Napi::Object method_schema(Napi::Env env, const std::string& name, const c10::FunctionSchema& schema) {
  auto object = Napi::Object::New(env);
  object.Set("name", name);
  auto parameters = Napi::Array::New(env);
  for (size_t i = 1; i < schema.arguments().size(); i++) {
    const auto& argument = schema.arguments()[i];
    auto parameter = Napi::Object::New(env);
    parameter.Set("name", argument.name());
    parameter.Set("type", type_tree(env, argument.type()));
    parameter.Set("optional", argument.default_value().has_value());
    parameters.Set(parameters.Length(), parameter);
  }
  object.Set("parameters", parameters);
  object.Set("returns", type_tree(env, schema.returns().empty() ? c10::NoneType::get() : schema.returns()[0].type()));
  return object;
}

}  // namespace

Napi::Object describe(Napi::Env env, const Model& model) {
  auto object = Napi::Object::New(env);
  auto methods = Napi::Array::New(env);
  for (const auto& name : model.method_names()) {
    methods.Set(methods.Length(), method_schema(env, name, model.method(name).getSchema()));
  }
  object.Set("methods", methods);
  auto attributes = Napi::Array::New(env);
  const auto& type = model.type();
  for (size_t i = 0; i < type->numAttributes(); i++) {
    // Names with an underscore are PyTorch's own, or private.
    if (type->getAttribute(i)->is_module() || type->getAttributeName(i)[0] == '_') continue;
    auto attribute = Napi::Object::New(env);
    attribute.Set("name", type->getAttributeName(i));
    attribute.Set("type", type_tree(env, type->getAttribute(i)));
    attributes.Set(attributes.Length(), attribute);
  }
  object.Set("attributes", attributes);
  object.Set("hasInnerState", model.writes().state);
  object.Set("writesInputs", model.writes().inputs);
  return object;
}

Napi::Object devices(Napi::Env env) {
  auto object = Napi::Object::New(env);
  const auto count = [](c10::DeviceType type) -> double {
    if (!c10::impl::hasDeviceGuardImpl(type)) return -1;
    return c10::impl::getDeviceGuardImpl(type)->deviceCount();
  };
  // -1: this build of libtorch does not have that kind of device.
  object.Set("cuda", count(c10::DeviceType::CUDA));
  object.Set("mps", count(c10::DeviceType::MPS));
  return object;
}

}  // namespace tensorferry
