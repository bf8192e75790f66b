#include "ceiling.h"

#include <chrono>
#include <cstdint>
#include <vector>

#include "isa.h"
#include "pool.h"

namespace limbeck {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// The best rate of several rounds on all threads: `work` returns how much a part did.
template <class Work>
double bestRate(int rounds, const Work& work) {
  const int threads = threadCount();
  double best = 0;
  for (int round = 0; round < rounds; round++) {
    std::vector<double> done(static_cast<size_t>(threads));
    const double begin = now();
    parallelFor(threads, 1, [&](int64_t first, int64_t end, int) {
      for (int64_t i = first; i < end; i++) done[static_cast<size_t>(i)] = work(i, threads);
    });
    const double seconds = now() - begin;
    double sum = 0;
    for (const double each : done) sum += each;
    if (sum / seconds > best) best = sum / seconds;
  }
  return best;
}

}  // namespace

Ceilings measureCeilings() {
  const KernelTable& table = kernels();
  Ceilings result{};
  // Many short rounds: the best of them was not interrupted.
  result.multiplyAdds = bestRate(50, [&](int64_t, int) { return static_cast<double>(table.multiplyAddRounds(200000)); });
  constexpr int64_t count = int64_t{1} << 24;
  std::vector<float> a(count), b(count, 1.f), c(count, 2.f);
  result.bytes = bestRate(5, [&](int64_t part, int parts) {
    const int64_t begin = count * part / parts, end = count * (part + 1) / parts;
    for (int64_t i = begin; i < end; i++) a[static_cast<size_t>(i)] = b[static_cast<size_t>(i)] + c[static_cast<size_t>(i)];
    return static_cast<double>(end - begin) * 3 * sizeof(float);
  });
  return result;
}

}  // namespace limbeck
