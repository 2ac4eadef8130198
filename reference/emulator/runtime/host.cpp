// The program that kernels run in, apart from the process that asks for them. It reads commands
// from its standard input and answers on its standard output; both are a length (4 bytes, the
// machine's order) and a text of that length.
//
// A command has one `key value…` a line (read() below). An answer begins with "ok", "error" or
// "crash"; after "ok" come the findings of the checker, one JSON object a line.

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

#include "launch.hpp"

namespace {

using metal_emulator::Command;

bool read_all(void* to, std::size_t size) {
  auto* at = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t got = read(STDIN_FILENO, at, size);
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_all(const char* from, std::size_t size) {
  while (size > 0) {
    const ssize_t put = write(STDOUT_FILENO, from, size);
    if (put <= 0) return false;
    from += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

void answer(const char* text, std::size_t length) {
  const auto size = static_cast<uint32_t>(length);
  write_all(reinterpret_cast<const char*>(&size), sizeof(size));
  write_all(text, length);
}

// Tells which thread of the grid crashed, then ends the program.
void crashed(int signal_number, siginfo_t*, void*) {
  char text[256];
  const metal_emulator::Position* p = metal_emulator::current_position;
  int length = 0;
  if (p != nullptr) {
    const auto& group = p->threadgroup_position_in_grid;
    const auto& thread = p->thread_position_in_threadgroup;
    length = std::snprintf(text, sizeof(text),
                           "crash %s in thread (%u, %u, %u) of threadgroup (%u, %u, %u)",
                           strsignal(signal_number), thread.x, thread.y, thread.z, group.x,
                           group.y, group.z);
  } else {
    length = std::snprintf(text, sizeof(text), "crash %s", strsignal(signal_number));
  }
  answer(text, static_cast<std::size_t>(length));
  _exit(1);
}

// The file through which buffers are shared, mapped until another one is named.
unsigned char* map(const std::string& path, std::size_t size) {
  static std::string mapped_path;
  static std::size_t mapped_size = 0;
  static unsigned char* mapped = nullptr;
  if (path == mapped_path && size == mapped_size) return mapped;
  if (mapped != nullptr) munmap(mapped, mapped_size);
  mapped = nullptr;
  mapped_path.clear();
  const int file = open(path.c_str(), O_RDWR);
  if (file < 0) return nullptr;
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED) return nullptr;
  mapped_path = path;
  mapped_size = size;
  return mapped = static_cast<unsigned char*>(memory);
}

std::string rest_of(std::istringstream& line) {
  std::string text;
  std::getline(line >> std::ws, text);
  return text;
}

// Fills `command`; returns an error, or an empty text.
std::string parse(const std::string& text, Command& command) {
  std::istringstream lines(text);
  unsigned char* memory = nullptr;
  for (std::string content; std::getline(lines, content);) {
    std::istringstream line(content);
    std::string key;
    line >> key;
    if (key == "library") {
      command.library = rest_of(line);
    } else if (key == "kernel") {
      command.kernel = rest_of(line);
    } else if (key == "checks") {
      command.checks = rest_of(line);
    } else if (key == "seed") {
      line >> command.seed;
    } else if (key == "workers") {
      line >> command.workers;
    } else if (key == "grid") {
      line >> command.grid.x >> command.grid.y >> command.grid.z;
    } else if (key == "threadgroup") {
      line >> command.threadgroup.x >> command.threadgroup.y >> command.threadgroup.z;
    } else if (key == "memory") {
      std::size_t size = 0;
      line >> size;
      memory = map(rest_of(line), size);
      if (memory == nullptr) return "cannot map the memory of the buffers";
    } else if (key == "buffer") {
      std::size_t offset = 0;
      metal_emulator::BufferBinding b{};
      line >> b.index >> offset >> b.size >> b.element_size >> b.writable;
      b.data = memory + offset;
      b.name = rest_of(line);
      command.buffers.push_back(b);
    } else if (key == "threadgroup_memory") {
      metal_emulator::ThreadgroupBinding b{};
      line >> b.index >> b.size >> b.element_size;
      b.name = rest_of(line);
      command.threadgroup_memory.push_back(b);
    } else if (key == "writer") {
      line >> command.writer_of >> command.writer_offset;
    } else {
      return "unknown command " + key;
    }
  }
  return {};
}

}  // namespace

int main() {
  metal_emulator::prepare_for_signals();
  struct sigaction action {};
  action.sa_sigaction = crashed;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    sigaction(number, &action, nullptr);
  }
  for (uint32_t length = 0; read_all(&length, sizeof(length));) {
    std::string text(length, '\0');
    if (!read_all(text.data(), length)) break;
    Command command;
    std::string error = parse(text, command);
    const bool asks = command.writer_of >= 0;
    if (error.empty() && !asks) error = metal_emulator::launch(command);
    std::string reply = "error " + error;
    if (error.empty()) {
      reply = "ok\n";
      reply += asks ? metal_emulator::checker_writer(command.writer_of, command.writer_offset)
                    : metal_emulator::checker_findings();
    }
    answer(reply.data(), reply.size());
  }
  return 0;
}
