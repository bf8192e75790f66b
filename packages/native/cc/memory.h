// Memory for tensors and read-only maps of files, outside of the JavaScript heap.
#pragma once
#include <cstddef>
#include <cstdint>

namespace limbeck {

// A block of zero-initialised pages, 64-byte aligned, on huge pages where the system has them. Null when there is no memory.
void* allocateBlock(size_t bytes);
void freeBlock(void* block, size_t bytes);

// Maps a whole file privately (writes do not reach it). Throws std::runtime_error that names the file.
void* mapWholeFile(const char* path, size_t& bytes);
void unmapFile(void* at, size_t bytes);

}  // namespace limbeck
