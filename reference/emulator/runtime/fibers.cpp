#include "fibers.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#if defined(__APPLE__)
#define SYMBOL "_metal_emulator_switch"
#else
#define SYMBOL "metal_emulator_switch"
#endif

#if defined(__x86_64__)
// System V: rbx, rbp and r12 to r15 belong to the caller.
asm(".text\n.globl " SYMBOL "\n.p2align 4\n" SYMBOL
    ":\n"
    "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
    "  ret\n");
#elif defined(__aarch64__)
// AAPCS64: x19 to x30 and the low halves of v8 to v15 belong to the caller.
asm(".text\n.globl " SYMBOL "\n.p2align 4\n" SYMBOL
    ":\n"
    "  sub sp, sp, #160\n"
    "  stp x19, x20, [sp]\n  stp x21, x22, [sp, #16]\n  stp x23, x24, [sp, #32]\n"
    "  stp x25, x26, [sp, #48]\n  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
    "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n"
    "  stp d14, d15, [sp, #144]\n"
    "  mov x9, sp\n  str x9, [x0]\n  mov sp, x1\n"
    "  ldp x19, x20, [sp]\n  ldp x21, x22, [sp, #16]\n  ldp x23, x24, [sp, #32]\n"
    "  ldp x25, x26, [sp, #48]\n  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
    "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n"
    "  ldp d14, d15, [sp, #144]\n"
    "  add sp, sp, #160\n  ret\n");
#else
#error "the emulator switches stacks on x86-64 and arm64 only"
#endif

namespace metal_emulator {

unsigned char* reserve(std::size_t bytes) {
  int flags = MAP_PRIVATE | MAP_ANON;
#ifdef MAP_NORESERVE
  flags |= MAP_NORESERVE;
#endif
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("the emulator found no memory");
    std::abort();
  }
  return static_cast<unsigned char*>(memory);
}

Stack make_stack(std::size_t bytes) {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  unsigned char* memory = reserve(bytes + page);
  mprotect(memory, page, PROT_NONE);
  return {memory + page, memory + page + bytes};
}

void* prepare(const Stack& stack, std::size_t color, void (*entry)()) {
  auto top = reinterpret_cast<std::uintptr_t>(stack.high) - color;
  top &= ~std::uintptr_t{63};
#if defined(__x86_64__)
  // A function is entered as if called: rsp is 8 below a multiple of 16.
  auto* frame = reinterpret_cast<void**>(top) - 2;
  frame[0] = reinterpret_cast<void*>(entry);
  frame[1] = nullptr;
  void** saved = frame - 6;
  for (int i = 0; i < 6; ++i) saved[i] = nullptr;
#else
  void** saved = reinterpret_cast<void**>(top) - 20;
  for (int i = 0; i < 20; ++i) saved[i] = nullptr;
  saved[11] = reinterpret_cast<void*>(entry);  // x30, where ret goes
#endif
  return saved;
}

}  // namespace metal_emulator
