#include "inner-state.h"

#include <memory>
#include <vector>

namespace tensorferry {

namespace {

using torch::jit::AliasDb;
using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;

/// Batch norm counts its batches in training: with `training` false that branch goes, as in a module after eval().
void fix_training(Graph& graph, Block* block) {
  for (Node* node : block->nodes()) {
    for (Block* inner : node->blocks()) fix_training(graph, inner);
    if (node->kind() != c10::prim::GetAttr || node->s(c10::attr::name) != "training") continue;
    if (node->output()->type()->kind() != c10::TypeKind::BoolType) continue;
    torch::jit::WithInsertPoint guard(node);
    node->output()->replaceAllUsesWith(graph.insertConstant(false));
  }
}

void inspect(Block* block, const AliasDb& aliases, Writes& writes) {
  for (Node* node : block->nodes()) {
    if (node->kind() == c10::prim::SetAttr) writes.state = true;
    if (node->kind() == c10::prim::GetAttr && aliases.hasWriters(node->output())) {
      // A submodule is no state; what is read from it is.
      if (node->output()->type()->kind() != c10::TypeKind::ClassType) writes.state = true;
    }
    for (Block* inner : node->blocks()) inspect(inner, aliases, writes);
  }
}

}  // namespace

Writes find_writes(const torch::jit::Module& module) {
  Writes writes;
  std::vector<torch::jit::Function*> functions;
  for (const auto& method : module.get_methods()) functions.push_back(&method.function());
  const auto& type = module.type();
  for (const auto& hooks : {type->getForwardPreHooks(), type->getForwardHooks()}) {
    functions.insert(functions.end(), hooks.begin(), hooks.end());
  }
  for (torch::jit::Function* function : functions) {
    std::shared_ptr<Graph> graph = torch::jit::toGraphFunction(*function).graph()->copy();
    torch::jit::Inline(*graph);
    fix_training(*graph, graph->block());
    torch::jit::ConstantPropagation(graph);
    torch::jit::EliminateDeadCode(graph);
    const AliasDb aliases(graph);
    inspect(graph->block(), aliases, writes);
    for (size_t i = 1; i < graph->inputs().size(); i++) {
      if (aliases.hasWriters(graph->inputs()[i])) writes.inputs = true;
    }
  }
  return writes;
}

}  // namespace tensorferry
