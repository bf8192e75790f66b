#include "memory.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace limbeck {
namespace {

[[noreturn]] void fail(const char* path, const std::string& what) {
  throw std::runtime_error(std::string("mapFile: a readable file of at least one byte is wanted, ") + path + " " + what);
}

}  // namespace

#if defined(__unix__) || defined(__APPLE__)

namespace {
constexpr size_t kHugePage = size_t{2} << 20;

size_t mappedSize(size_t bytes) {
  const size_t unit = bytes >= kHugePage ? kHugePage : 4096;
  return (bytes + unit - 1) / unit * unit;
}
}  // namespace

void* allocateBlock(size_t bytes) {
  const size_t size = mappedSize(bytes);
  if (size < bytes) return nullptr;
  if (size < kHugePage) {
    void* const at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? nullptr : at;
  }
  // Reserve one huge page more than needed, keep the aligned part.
  char* const at =
      static_cast<char*>(mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (at == MAP_FAILED) return nullptr;
  const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(at) % kHugePage) % kHugePage;
  if (before > 0) munmap(at, before);
  munmap(at + before + size, kHugePage - before);
#if defined(MADV_HUGEPAGE)
  madvise(at + before, size, MADV_HUGEPAGE);
#endif
  return at + before;
}

void freeBlock(void* block, size_t bytes) { munmap(block, mappedSize(bytes)); }

void* mapWholeFile(const char* path, size_t& bytes) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(path, std::string("cannot be opened: ") + std::strerror(errno));
  struct stat info;
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
    close(file);
    fail(path, "is not a regular file");
  }
  if (info.st_size == 0) {
    close(file);
    fail(path, "is empty");
  }
  bytes = static_cast<size_t>(info.st_size);
  void* const at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  const int error = errno;
  close(file);
  if (at == MAP_FAILED) fail(path, std::string("cannot be mapped: ") + std::strerror(error));
  return at;
}

void unmapFile(void* at, size_t bytes) { munmap(at, bytes); }

#else

void* allocateBlock(size_t bytes) { return std::calloc(bytes, 1); }
void freeBlock(void* block, size_t) { std::free(block); }
void* mapWholeFile(const char* path, size_t&) { fail(path, "cannot be mapped: memory maps are not supported on this system"); }
void unmapFile(void*, size_t) {}

#endif

}  // namespace limbeck
