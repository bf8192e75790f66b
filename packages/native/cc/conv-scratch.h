// Scratch memory of the kernels and the bridge from them to the thread pool. Plain functions only: the kernel files are compiled
// once per instruction set, and an inline function of the standard library emitted there could be picked by the linker
// for a machine that cannot run it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace limbeck {

// Which block of the calling thread: `work` for the body of a parallel loop, `shared` for what the thread that starts the
// loop lets all bodies use (packed filters, partial sums), `samples` for what they leave of each sample.
enum class ScratchSlot { work, shared, samples };

// At least `bytes` bytes, 64-byte aligned, contents undefined, valid until the next call with the same slot on this thread.
void* scratch(ScratchSlot slot, size_t bytes);

// parallelFor and partCount of pool.h behind plain function pointers.
using ParallelBody = void (*)(void* context, int64_t begin, int64_t end, int thread);
void runParallel(int64_t n, int64_t grain, ParallelBody body, void* context);
int parallelParts(int64_t n, int64_t grain);
int parallelThreads();

}  // namespace limbeck
