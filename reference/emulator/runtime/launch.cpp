#include "launch.hpp"

#include <dlfcn.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <thread>

#include "scheduler.hpp"

namespace metal_emulator {

namespace {

// Between two threadgroup allocations. A library is loaded either for plain runs or for checks.
std::size_t gap() { return hooks != nullptr ? hooks->threadgroup_gap : 256; }

std::size_t aligned(std::size_t size) {
  const std::size_t unit = hooks != nullptr ? hooks->threadgroup_alignment : 256;
  return (size + unit - 1) / unit * unit;
}

// Slots of the library that is being loaded: its static initialisers put them here.
std::vector<ThreadgroupSlot*> loading;
std::size_t loading_end = 0;

Worker& worker(uint32_t index) {
  static std::vector<std::unique_ptr<Worker>> workers;  // kept: their stacks stay warm
  while (workers.size() <= index) {
    workers.push_back(std::make_unique<Worker>(static_cast<uint32_t>(workers.size())));
  }
  return *workers[index];
}

}  // namespace

ThreadgroupSlot::ThreadgroupSlot(const char* slot_name, std::size_t slot_size,
                                 std::size_t slot_element_size)
    : name(slot_name), offset(loading_end), size(slot_size), element_size(slot_element_size) {
  loading_end += aligned(slot_size) + gap();
  loading.push_back(this);
}

const Kernel* load_kernel(const std::string& path, std::string& error) {
  static std::map<std::string, Kernel> kernels;
  const auto found = kernels.find(path);
  if (found != kernels.end()) return &found->second;
  loading.clear();
  loading_end = gap();
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    error = dlerror();
    return nullptr;
  }
  Kernel kernel;
  kernel.entry = reinterpret_cast<Entry>(dlsym(library, "metal_emulator_entry"));
  if (kernel.entry == nullptr) {
    error = path + " has no entry";
    return nullptr;
  }
  kernel.slots = loading;
  return &kernels.emplace(path, kernel).first->second;
}

void prepare_for_signals() {
  thread_local std::unique_ptr<char[]> memory;
  constexpr std::size_t bytes = std::size_t{64} << 10;
  memory = std::make_unique<char[]>(bytes);
  stack_t stack{};
  stack.ss_sp = memory.get();
  stack.ss_size = bytes;
  sigaltstack(&stack, nullptr);
}

std::string launch(const Command& command) {
  hooks = checker_start(command.checks.c_str());
  std::string error;
  const Kernel* kernel = load_kernel(command.library, error);
  if (kernel == nullptr) return error;

  Arguments arguments{};
  std::vector<Allocation> buffers, memory;
  for (const BufferBinding& b : command.buffers) {
    buffers.push_back({b.name.c_str(), b.data, b.size, b.element_size, b.index, b.writable});
  }
  std::size_t end = gap();
  for (const ThreadgroupSlot* slot : kernel->slots) {
    end = std::max(end, slot->offset + aligned(slot->size) + gap());
    memory.push_back({slot->name, reinterpret_cast<unsigned char*>(slot->offset), slot->size,
                      slot->element_size, -1, true});
  }
  for (const ThreadgroupBinding& b : command.threadgroup_memory) {
    arguments.threadgroup_offsets[b.index] = end;
    memory.push_back({b.name.c_str(), reinterpret_cast<unsigned char*>(end), b.size,
                      b.element_size, b.index, true});
    end += aligned(b.size) + gap();
  }
  if (end > arena_bytes) return "the kernel wants more threadgroup memory than the emulator has";

  const auto groups = [](uint32_t threads, uint32_t size) { return (threads + size - 1) / size; };
  Launch launch{};
  launch.kernel = command.kernel.c_str();
  launch.threads_per_grid = command.grid;
  launch.threads_per_threadgroup = command.threadgroup;
  launch.threadgroups_per_grid = {groups(command.grid.x, command.threadgroup.x),
                                  groups(command.grid.y, command.threadgroup.y),
                                  groups(command.grid.z, command.threadgroup.z)};
  launch.buffers = buffers.data();
  launch.buffer_count = buffers.size();
  launch.schedule_seed = command.seed;

  const std::vector<uint32_t> order = threadgroup_order(launch);
  launch.worker_count = static_cast<uint32_t>(
      std::min<std::size_t>(std::max<uint32_t>(command.workers, 1), order.size()));
  if (hooks != nullptr) hooks->launch_begin(launch);
  for (const Allocation& b : buffers) arguments.buffers[b.index] = b.data;

  const Task task{&launch, kernel->entry, &arguments, memory.data(), memory.size(), end};
  std::atomic<std::size_t> taken{0};
  const auto work = [&](Worker& w) {
    prepare_for_signals();
    w.begin_launch(task);
    for (std::size_t i = taken++; i < order.size(); i = taken++) w.run_threadgroup(order[i]);
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 1; i < launch.worker_count; ++i) {
    threads.emplace_back(work, std::ref(worker(i)));
  }
  if (!order.empty()) work(worker(0));
  for (std::thread& thread : threads) thread.join();
  if (hooks != nullptr) hooks->launch_end(launch);
  return {};
}

}  // namespace metal_emulator
