// The one thread pool of the back end: fixed size, static partition, so that for a given thread count every
// reduction is done in the same order and gives the same bits.
#pragma once
#include <cstdint>
#include <functional>

namespace limbeck {

// Number of threads that parallelFor uses, the calling one included.
int threadCount();
// Sets it; 1 … 256. Joins and restarts the workers. Not to be called from inside parallelFor.
void setThreadCount(int count);

// Calls body(begin, end, thread) on contiguous parts of [0, n): part `thread` of at most threadCount() parts, each at
// least `grain` long where n allows. The partition depends on n, grain and threadCount() alone. Returns when all parts are
// done. Nested calls run serially on the calling thread. An exception in a part is rethrown here once all have ended.
void parallelFor(int64_t n, int64_t grain, const std::function<void(int64_t begin, int64_t end, int thread)>& body);

// Number of parts that parallelFor would make: for sizing per-thread partial sums.
int partCount(int64_t n, int64_t grain);

}  // namespace limbeck
