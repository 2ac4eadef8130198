// What the checker found, each once however often it happens.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "contract.hpp"

namespace metal_emulator::checker {

// Who was where. `pc` is a return address in the kernel, or 0, and `callers` are those of the
// functions around it, where they are known; `line` stands in for them where they do not tell.
struct Place {
  std::uintptr_t pc;
  uint32_t line;
  Size3 threadgroup, thread;  // thread_position_in_threadgroup
  std::vector<std::uintptr_t> callers;
};

struct Finding {
  const char* kind;
  std::string detail;
  Place place;
  bool has_other;  // of a race: the earlier access
  Place other;
  std::string name;  // of the buffer or threadgroup variable, empty where there is none
  int64_t index;     // of the element, negative before the first
};

// What makes two findings the same one.
struct FindingKey {
  const char* kind;
  std::uintptr_t pc, other_pc;
  const void* what;
};

void clear_findings(const char* kernel);
// Keeps the first finding of each key, as `make` tells it, and counts the others.
void add_finding(const FindingKey& key, const std::function<Finding()>& make);
std::string place_as_json(const Place& place);
std::string findings_as_json_lines();

// The return addresses of the running thread, from the kernel's library only, innermost first.
std::vector<std::uintptr_t> callers();

}  // namespace metal_emulator::checker
