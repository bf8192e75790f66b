// Flags: baseline (none beyond the common ones).
#include "conv-scratch.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#include "conv.h"
#include "pool.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace limbeck {
namespace {

constexpr size_t kHuge = size_t{2} << 20;

struct Block {
  void* data = nullptr;
  size_t bytes = 0;

  void release() {
    std::free(data);
    data = nullptr;
    bytes = 0;
  }

  void grow(size_t wanted) {
    release();
    const size_t alignment = wanted >= kHuge / 2 ? kHuge : size_t{4096};
    const size_t rounded = (wanted + alignment - 1) / alignment * alignment;
    void* fresh = nullptr;
    if (posix_memalign(&fresh, alignment, rounded) != 0) throw std::bad_alloc();
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (alignment == kHuge) madvise(fresh, rounded, MADV_HUGEPAGE);
#endif
    data = fresh;
    bytes = rounded;
  }
};

struct Arena;
// Never destroyed: threads may end after static destruction has begun.
std::mutex& registryMutex() {
  static std::mutex* mutex = new std::mutex;
  return *mutex;
}
std::vector<Arena*>& registry() {
  static auto* arenas = new std::vector<Arena*>;
  return *arenas;
}

struct Arena {
  Block blocks[3];

  Arena() {
    std::lock_guard<std::mutex> lock(registryMutex());
    registry().push_back(this);
  }
  ~Arena() {
    std::lock_guard<std::mutex> lock(registryMutex());
    auto& all = registry();
    all.erase(std::remove(all.begin(), all.end(), this), all.end());
    for (Block& block : blocks) block.release();
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
};

thread_local Arena arena;

}  // namespace

void* scratch(ScratchSlot slot, size_t bytes) {
  Block& block = arena.blocks[static_cast<int>(slot)];
  if (block.bytes < bytes || block.data == nullptr) {
    std::lock_guard<std::mutex> lock(registryMutex());
    block.grow(std::max(bytes, size_t{64}));
  }
  return block.data;
}

int64_t scratchBytes() {
  std::lock_guard<std::mutex> lock(registryMutex());
  int64_t total = 0;
  for (const Arena* each : registry())
    for (const Block& block : each->blocks) total += static_cast<int64_t>(block.bytes);
  return total;
}

void releaseScratch() {
  std::lock_guard<std::mutex> lock(registryMutex());
  for (Arena* each : registry())
    for (Block& block : each->blocks) block.release();
}

void runParallel(int64_t n, int64_t grain, ParallelBody body, void* context) {
  parallelFor(n, grain, [=](int64_t begin, int64_t end, int thread) { body(context, begin, end, thread); });
}

int parallelParts(int64_t n, int64_t grain) { return partCount(n, grain); }

int parallelThreads() { return threadCount(); }

}  // namespace limbeck
