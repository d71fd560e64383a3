// Calls that may run on the thread that asks although a run may use several threads: those that never enter a parallel
// region. libgomp gives each calling thread a team of its own, and two teams are more threads than cores; a call without
// a team gains nothing from the session's thread and loses the way there and back.
#pragma once

#include <chrono>
#include <map>
#include <vector>

#include "model.h"
#include "to-js.h"

namespace tensorferry {

class SerialCalls {
 public:
  /// What is known of calls of one method with arguments of the same shapes.
  struct Known {
    /// A run on the session's thread took microseconds: worth finding out.
    bool quick = false;
    bool serial = false;
    int attempts = 0;

    bool to_be_found_out() const { return quick && !serial && attempts < MOST_ATTEMPTS; }
    void took(std::chrono::steady_clock::duration time) { quick = quick || time < QUICK; }
  };

  /// Null: this call is left to the session's thread.
  Known* find(const Model& model, const torch::jit::Function& method, const std::vector<c10::IValue>& stack);

  /// Runs the call on a thread that has no team yet, with all threads and, when none was started, with one: the call is
  /// serial when both gave the same bits.
  static Detached find_out(Known& known, Model& model, torch::jit::Function& method, std::vector<c10::IValue> stack,
                           int threads);

 private:
  using Key = std::vector<int64_t>;
  static constexpr std::chrono::microseconds QUICK{1000};
  static constexpr int MOST_ATTEMPTS = 3;
  /// A model whose shapes change all the time is not worth remembering.
  static constexpr size_t MOST_KNOWN = 64;

  std::map<Key, Known> known_;
};

}  // namespace tensorferry
