// The texts of what the checker finds, and who was where.

#include <string>

#include "checker.hpp"
#include "findings.hpp"

namespace metal_emulator {

namespace checker {

namespace {

Size3 unravel(uint32_t index, const Size3& size) {
  return {index % size.x, index / size.x % size.y, index / (size.x * size.y)};
}

Place place_of(const Position& p, std::uintptr_t pc, uint32_t line = 0) {
  return {pc, line, p.threadgroup_position_in_grid, p.thread_position_in_threadgroup, callers()};
}

// Whoever made an access that is remembered. The remembered half of the return address is completed
// from one nearby.
Place place_of(const Access& access, std::uintptr_t near) {
  const Launch& launch = state.launch;
  const Size3 group = unravel(access.group - state.first_group, launch.threadgroups_per_grid);
  const Size3& size = launch.threads_per_threadgroup;
  const auto real = [](uint32_t at, uint32_t size, uint32_t end) {
    return end - at * size < size ? end - at * size : size;
  };
  const Size3 here{real(group.x, size.x, launch.threads_per_grid.x),
                   real(group.y, size.y, launch.threads_per_grid.y),
                   real(group.z, size.z, launch.threads_per_grid.z)};
  const auto away = static_cast<int32_t>(access.pc - static_cast<uint32_t>(near));
  return {near + static_cast<std::intptr_t>(away), 0, group, unravel(access.thread(), here), {}};
}

// Bytes of an element; where it is not known, elements are what the access takes them for.
std::size_t element_size(const Allocation& a, std::size_t access_size) {
  if (a.element_size > 1 || access_size == 0 || access_size > 16) return a.element_size;
  return access_size;
}

void add(const FindingKey& key, const std::string& detail, const Region* region,
         std::uintptr_t address, std::size_t access_size, const Access* earlier) {
  add_finding(key, [&] {
    Finding finding{key.kind, detail, place_of(current(), key.pc), earlier != nullptr, {}, "", 0};
    if (earlier != nullptr) finding.other = place_of(*earlier, key.pc);
    if (region != nullptr) {
      const Allocation& a = region->allocation;
      const auto element = static_cast<int64_t>(element_size(a, access_size));
      const auto at =
          static_cast<int64_t>(address - reinterpret_cast<std::uintptr_t>(a.data));
      finding.name = a.name;
      finding.index = at >= 0 ? at / element : -((-at + element - 1) / element);
    }
    return finding;
  });
}

// The threadgroup allocation of the running kernel that lies nearest.
const Region* nearest(std::uintptr_t address) {
  const Region* best = nullptr;
  std::uintptr_t least = ~std::uintptr_t{0};
  for (const Region& region : worker->regions) {
    if (region.allocation.size == 0) continue;
    const auto begin = reinterpret_cast<std::uintptr_t>(region.allocation.data);
    const auto end = begin + region.allocation.size;
    const std::uintptr_t away = address < begin ? begin - address : address - end;
    if (away < least) {
      least = away;
      best = &region;
    }
  }
  return best;
}

}  // namespace

void report_out_of_bounds(const Region* region, std::uintptr_t address, std::size_t size,
                          bool write, std::uintptr_t pc) {
  if (!state.bounds) return;
  const bool device = region != nullptr;
  if (!device) region = nearest(address);
  const char* kind = write ? "out-of-bounds write" : "out-of-bounds read";
  std::string detail = "no allocation is near";
  if (region != nullptr && region->allocation.size != 0) {
    const Allocation& a = region->allocation;
    const auto begin = reinterpret_cast<std::uintptr_t>(a.data);
    // Of an access that begins inside, the first byte that is not.
    if (address >= begin && address < begin + a.size && size > begin + a.size - address)
      address = begin + a.size;
    const std::size_t element = element_size(a, size);
    detail = std::string(a.name) + " has " + std::to_string(a.size / element) +
             (element == 1 ? " bytes" : " elements");
    if (!device) detail += " of threadgroup memory";
  } else if (device) {
    detail = "nothing is bound here";
    region = nullptr;
  }
  add({kind, pc, 0, region}, detail, region, address, size, nullptr);
}

void report_index(int64_t index, const std::string& array, std::uintptr_t pc) {
  if (worker == nullptr || !state.bounds) return;
  add({"out-of-bounds index", pc, 0, nullptr}, std::to_string(index) + " in a " + array, nullptr, 0,
      0, nullptr);
}

void report_read_only(const Region& region, std::uintptr_t address, std::size_t size,
                      std::uintptr_t pc) {
  if (!state.bounds) return;
  add({"write to read-only memory", pc, 0, &region}, "the parameter is constant or const device",
      &region, address, size, nullptr);
}

void report_uninitialized(const Region& region, std::uintptr_t address, std::size_t size,
                          std::uintptr_t pc) {
  add({"uninitialized read", pc, 0, &region},
      "nothing in this threadgroup wrote this element before", &region, address, size, nullptr);
}

void report_race(const Region& region, std::uintptr_t address, std::size_t size,
                 const Access& earlier, const Moment& now, bool earlier_wrote, bool write,
                 bool atomic, std::uintptr_t pc) {
  const bool apart = earlier.group != now.access.group;
  std::string detail = std::string(earlier_wrote ? "written" : "read") + " by one thread and " +
                       (write ? "written" : "read") + " by another";
  if (atomic) detail += ", one of them not by an atomic function";
  if (apart)
    detail += "; nothing orders two threadgroups of one launch";
  else if (earlier.simdgroup() == now.access.simdgroup())
    detail += " of the same simdgroup, with no barrier between";
  else
    detail += ", with no threadgroup_barrier between";
  if (!apart) detail += now.space == device_space ? " with mem_device" : " with mem_threadgroup";
  const auto away = static_cast<int32_t>(earlier.pc - static_cast<uint32_t>(pc));
  add({apart ? "race between threadgroups" : "race", pc, pc + static_cast<std::intptr_t>(away),
       &region},
      detail, &region, address, size, &earlier);
}

void report_divergence(uint32_t, const char* what, const Position& thread, uint32_t site,
                       const void* where) {
  const auto pc = reinterpret_cast<std::uintptr_t>(where);
  add_finding({"divergent barrier", pc, site, nullptr}, [&] {
    return Finding{"divergent barrier", what, place_of(thread, pc, line_of_site(site)), false, {}, "", 0};
  });
}

}  // namespace checker

const char* checker_writer(int index, std::size_t offset) {
  static std::string text;
  text.clear();
  for (const checker::Region& region : checker::state.regions) {
    if (region.allocation.index != index || offset >= region.allocation.size) continue;
    if (region.shadow.cells == nullptr) continue;
    const checker::Cell& word = region.shadow.cells[offset / 4];
    const checker::Access& access =
        word.flags & checker::cell_split ? region.shadow.byte_cells[offset].write : word.write;
    if (access.group >= checker::state.first_group)
      text = checker::place_as_json(checker::place_of(access, checker::state.some_pc));
  }
  return text.c_str();
}

const char* checker_findings() {
  static std::string text;
  text = checker::findings_as_json_lines();
  return text.c_str();
}

void inactive_lane(const char* function, uint32_t lane) {
  if (checker::worker == nullptr) return;
  const auto pc = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  const Position& p = current();
  checker::add_finding({"inactive lane", pc, current_site, nullptr}, [&] {
    const std::string detail =
        std::string(function) + " takes the value of lane " + std::to_string(lane) +
        " of the simdgroup, which does not take part";
    return checker::Finding{"inactive lane", detail, checker::place_of(p, pc, line_of_site(current_site)),
                            false,           {},     "", 0};
  });
}

}  // namespace metal_emulator
