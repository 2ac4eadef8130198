#include "findings.hpp"

#include <dlfcn.h>
#include <unwind.h>

#include <cstdio>
#include <map>
#include <mutex>
#include <tuple>
#include <vector>

namespace metal_emulator::checker {

namespace {

constexpr std::size_t most_findings = 200;
constexpr std::size_t most_callers = 24;

struct Counted {
  Finding finding;
  uint64_t count;
};

using Key = std::tuple<const char*, std::uintptr_t, std::uintptr_t, const void*>;

std::mutex mutex;
std::vector<Counted> found;
std::map<Key, std::size_t> known;
std::string kernel_name;

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + '"';
}

std::string size3(const Size3& s) {
  return "[" + std::to_string(s.x) + "," + std::to_string(s.y) + "," + std::to_string(s.z) + "]";
}

// Offset in its library of the call that returns to `pc`; one back from there is inside the call.
std::uintptr_t call_offset(std::uintptr_t pc, const Dl_info& info) {
  return pc - 1 - reinterpret_cast<std::uintptr_t>(info.dli_fbase);
}

_Unwind_Reason_Code collect(_Unwind_Context* context, void* to) {
  auto& pcs = *static_cast<std::vector<std::uintptr_t>*>(to);
  pcs.push_back(_Unwind_GetIP(context));
  return pcs.size() < most_callers && pcs.back() != 0 ? _URC_NO_REASON : _URC_END_OF_STACK;
}

}  // namespace

std::string place_as_json(const Place& place) {
  std::string module, offsets;
  Dl_info info;
  if (place.pc != 0 && dladdr(reinterpret_cast<void*>(place.pc), &info) != 0) {
    module = info.dli_fname;
    offsets = std::to_string(call_offset(place.pc, info));
    for (const std::uintptr_t pc : place.callers) {
      Dl_info other;
      if (dladdr(reinterpret_cast<void*>(pc), &other) != 0 && other.dli_fbase == info.dli_fbase)
        offsets += "," + std::to_string(call_offset(pc, info));
    }
  }
  return "{\"module\":" + quoted(module) + ",\"offsets\":[" + offsets +
         "],\"line\":" + std::to_string(place.line) +
         ",\"threadgroup\":" + size3(place.threadgroup) + ",\"thread\":" + size3(place.thread) +
         "}";
}

std::vector<std::uintptr_t> callers() {
  std::vector<std::uintptr_t> pcs;
  _Unwind_Backtrace(collect, &pcs);
  return pcs;
}

void clear_findings(const char* kernel) {
  const std::lock_guard<std::mutex> lock(mutex);
  found.clear();
  known.clear();
  kernel_name = kernel;
}

void add_finding(const FindingKey& key, const std::function<Finding()>& make) {
  const std::lock_guard<std::mutex> lock(mutex);
  const auto [entry, is_new] =
      known.try_emplace(Key(key.kind, key.pc, key.other_pc, key.what), found.size());
  if (!is_new) {
    if (entry->second < found.size()) ++found[entry->second].count;
  } else if (found.size() < most_findings) {
    found.push_back({make(), 1});
  }
}

std::string findings_as_json_lines() {
  const std::lock_guard<std::mutex> lock(mutex);
  std::string out;
  for (const Counted& c : found) {
    const Finding& f = c.finding;
    out += "{\"kind\":" + quoted(f.kind) + ",\"kernel\":" + quoted(kernel_name) +
           ",\"detail\":" + quoted(f.detail) + ",\"place\":" + place_as_json(f.place);
    if (f.has_other) out += ",\"other\":" + place_as_json(f.other);
    if (!f.name.empty())
      out += ",\"name\":" + quoted(f.name) + ",\"index\":" + std::to_string(f.index);
    out += ",\"count\":" + std::to_string(c.count) + "}\n";
  }
  return out;
}

}  // namespace metal_emulator::checker
