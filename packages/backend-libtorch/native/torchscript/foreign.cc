#include "foreign.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/serialization/import_source.h>
#include <torch/csrc/jit/serialization/unpickler.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <unordered_set>

#include "errors.h"
#include "operators.h"

namespace tensorferry {

namespace {

using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Source;

const std::string CLASSES = "__torch__.torch.classes.";

const std::unordered_set<std::string>& known() {
  static const std::unordered_set<std::string> names(std::begin(OPERATORS), std::end(OPERATORS));
  return names;
}

class Finder {
 public:
  explicit Finder(const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& archive)
      : reader_(archive),
        unit_(std::make_shared<torch::jit::CompilationUnit>()),
        importer_(unit_, &constants_, [this](const std::string& qualifier) { return source_of(qualifier); },
                  reader_.version()),
        // As large as any record: its numbers are not looked at, but scales of quantized weights are converted.
        nothing_(std::calloc(std::max<size_t>(archive->size(), size_t{1} << 20), 1), std::free) {
    if (!nothing_) throw std::bad_alloc();
  }

  std::vector<Foreign> find() {
    if (reader_.hasRecord("constants.pkl")) {
      const c10::IValue constants = unpickle("constants");
      for (const auto& value : constants.toTupleRef().elements()) constants_.push_back(value);
    }
    unpickle("data");
    // A function that is only called is compiled with its caller.
    for (size_t count = 0; count < unit_->get_functions().size();) {
      const auto functions = unit_->get_functions();
      for (; count < functions.size(); count++) {
        functions[count]->ensure_defined();
        if (const auto* compiled = torch::jit::tryToGraphFunction(*functions[count])) look_at(*compiled->graph());
      }
    }
    return std::move(found_);
  }

 private:
  std::string read(const std::string& record) {
    const auto [data, size] = reader_.getRecord(record);
    return std::string(static_cast<const char*>(data.get()), size);
  }

  std::shared_ptr<Source> source_of(const std::string& qualifier) {
    std::string file = "code/" + qualifier + ".py";
    std::replace(file.begin() + 5, file.end() - 3, '.', '/');
    if (!reader_.hasRecord(file)) return nullptr;
    return std::make_shared<Source>(read(file), file, 1);
  }

  c10::IValue unpickle(const std::string& name) {
    const std::string pickle = read(name + ".pkl");
    size_t at = 0;
    auto next = [&](char* to, size_t length) -> size_t {
      if (at >= pickle.size()) return 0;
      length = std::min(length, pickle.size() - at);
      std::memcpy(to, pickle.data() + at, length);
      at += length;
      return length;
    };
    auto type_of = [this](const c10::QualifiedName& type) {
      return c10::StrongTypePtr(unit_, importer_.loadType(type));
    };
    auto object_of = [this](const c10::StrongTypePtr& type, const c10::IValue&) {
      look_at(type.type_, nullptr);
      const auto cls = type.type_->cast<c10::ClassType>();
      return c10::ivalue::Object::create(type, cls ? cls->numAttributes() : 0);
    };
    auto storage_of = [this](const std::string&) { return at::DataPtr(nothing_.get(), c10::DeviceType::CPU); };
    torch::jit::Unpickler unpickler(next, type_of, object_of, storage_of, at::Device(at::kCPU));
    unpickler.set_version(reader_.version());
    return unpickler.parse_ivalue();
  }

  void add(const std::string& name, const Node* node) {
    if (!names_.insert(name).second) return;
    Foreign foreign{name, "", 0};
    if (node) {
      if (const auto place = node->sourceRange().file_line_col()) {
        foreign.file = std::get<0>(*place);
        foreign.line = std::get<1>(*place);
      }
    }
    found_.push_back(std::move(foreign));
  }

  void look_at(const c10::TypePtr& type, const Node* node) {
    // Classes may name themselves.
    if (!types_.insert(type.get()).second) return;
    if (const auto cls = type->cast<c10::ClassType>(); cls && cls->name()) {
      const std::string name = cls->name()->qualifiedName();
      if (name.compare(0, CLASSES.size(), CLASSES) == 0 && known().count(name) == 0) add(name, node);
    }
    for (const auto& inner : type->containedTypes()) look_at(inner, node);
  }

  void look_at(const Graph& graph) { look_at(*graph.block()); }

  void look_at(const Block& block) {
    for (const auto* value : block.inputs()) look_at(value->type(), value->node());
    for (const Node* node : block.nodes()) {
      const std::string name = node->kind().toQualString();
      if (known().count(name) == 0) add(name, node);
      for (const auto* value : node->outputs()) look_at(value->type(), node);
      for (const Block* inner : node->blocks()) look_at(*inner);
      for (const auto attribute : node->attributeNames()) {
        const auto kind = node->kindOf(attribute);
        if (kind == torch::jit::AttributeKind::g) look_at(*node->g(attribute));
        if (kind == torch::jit::AttributeKind::gs) {
          for (const auto& graph : node->gs(attribute)) look_at(*graph);
        }
      }
    }
  }

  caffe2::serialize::PyTorchStreamReader reader_;
  std::shared_ptr<torch::jit::CompilationUnit> unit_;
  std::vector<c10::IValue> constants_;
  torch::jit::SourceImporter importer_;
  std::unique_ptr<void, void (*)(void*)> nothing_;
  std::unordered_set<std::string> names_;
  std::unordered_set<const c10::Type*> types_;
  std::vector<Foreign> found_;
};

}  // namespace

std::vector<Foreign> find_foreign(const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& archive) {
  return Finder(archive).find();
}

void require_known(const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& archive) {
  std::string text;
  for (const auto& [name, file, line] : find_foreign(archive)) {
    text += (text.empty() ? "" : "\n") + name + "\t" + file + "\t" + std::to_string(line);
  }
  if (!text.empty()) throw UntrustedError(text);
}

}  // namespace tensorferry
