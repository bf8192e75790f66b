// The thread pool: see pool.h. Parts are claimed one by one from an atomic ticket, so that a worker that wakes late costs
// nothing (the caller takes its part); which thread runs a part has no influence on the result.
#include "pool.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <signal.h>
#endif
#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace limbeck {
namespace {

constexpr int kMaxThreads = 256;
constexpr auto kSpin = std::chrono::microseconds(30);

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Cores this process may use: its affinity mask and, on Linux, its control group's quota.
int availableCores() {
  int cores = static_cast<int>(std::thread::hardware_concurrency());
  if (cores < 1) cores = 1;
#if defined(__linux__)
  if (std::FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    long long quota = 0, period = 0;
    if (std::fscanf(file, "%lld %lld", &quota, &period) == 2 && quota > 0 && period > 0) {
      const long long limit = (quota + period - 1) / period;
      if (limit < cores) cores = static_cast<int>(limit < 1 ? 1 : limit);
    }
    std::fclose(file);
  }
#endif
  return cores;
}

int defaultThreads() {
  if (const char* text = std::getenv("LIMBECK_THREADS")) {
    char* end = nullptr;
    const long value = std::strtol(text, &end, 10);
    if (end != text && *end == '\0' && value >= 1 && value <= kMaxThreads) return static_cast<int>(value);
  }
  const int cores = availableCores();
  return cores < kMaxThreads ? cores : kMaxThreads;
}

thread_local bool insidePool = false;

struct InsidePool {
  bool before = insidePool;
  InsidePool() { insidePool = true; }
  ~InsidePool() { insidePool = before; }
};

class Pool {
 public:
  Pool() : count_(defaultThreads()) {}

  int count() const { return count_.load(std::memory_order_relaxed); }

  void resize(int count) {
    std::lock_guard<std::mutex> job(jobMutex_);
    stopWorkers();
    count_.store(count, std::memory_order_relaxed);
  }

  // False if another thread is using the pool: the caller then runs its parts itself.
  bool run(int64_t n, int parts, const std::function<void(int64_t, int64_t, int)>& body) {
    std::unique_lock<std::mutex> job(jobMutex_, std::try_to_lock);
    if (!job.owns_lock()) return false;
    startWorkers();
    body_ = &body;
    n_ = n;
    parts_ = parts;
    error_ = nullptr;
    pending_.store(parts, std::memory_order_relaxed);
    generation_ = (generation_ + 1) & 0x7fffffff;
    ticket_.store(generation_ << 32 | static_cast<uint64_t>(parts), std::memory_order_seq_cst);
    const int sleeping = sleepers_.load(std::memory_order_seq_cst);
    if (sleeping > 0) {
      std::lock_guard<std::mutex> lock(mutex_);
      for (int i = 0; i < parts - 1 && i < sleeping; ++i) wake_.notify_one();
    }
    while (claim()) {
    }
    waitForParts();
    body_ = nullptr;
    if (error_) {
      std::exception_ptr error = error_;
      error_ = nullptr;
      std::rethrow_exception(error);
    }
    return true;
  }

  // In the child of a fork the workers do not exist: forget them (their handles must not be joined or destroyed).
  void afterFork() {
    new (&workers_) std::vector<std::thread>();
    new (&jobMutex_) std::mutex();
    new (&mutex_) std::mutex();
    new (&wake_) std::condition_variable();
    new (&finished_) std::condition_variable();
    sleepers_.store(0);
    ticket_.store(0);
    callerWaits_.store(false);
  }

 private:
  void startWorkers() {
    const int wanted = count() - 1;
    if (static_cast<int>(workers_.size()) == wanted) return;
#if defined(__unix__) || defined(__APPLE__)
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
#endif
    stop_.store(false);
    try {
      while (static_cast<int>(workers_.size()) < wanted) workers_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      // No more threads to be had: the caller takes the parts that are left.
    }
#if defined(__unix__) || defined(__APPLE__)
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
  }

  void stopWorkers() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stop_.store(true);
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
    stop_.store(false);
  }

  bool hasWork() const { return (ticket_.load(std::memory_order_seq_cst) & 0xffffffff) != 0; }

  // Takes one part of the current job and runs it. The job cannot end, nor the next begin, while a claimed part runs.
  bool claim() {
    uint64_t ticket = ticket_.load(std::memory_order_acquire);
    do {
      if ((ticket & 0xffffffff) == 0) return false;
    } while (!ticket_.compare_exchange_weak(ticket, ticket - 1, std::memory_order_acq_rel, std::memory_order_acquire));
    const int part = parts_ - static_cast<int>(ticket & 0xffffffff);
    runPart(part);
    if (pending_.fetch_sub(1, std::memory_order_seq_cst) == 1 && callerWaits_.load(std::memory_order_seq_cst)) {
      std::lock_guard<std::mutex> lock(mutex_);
      finished_.notify_all();
    }
    return true;
  }

  void runPart(int part) {
    const int64_t size = n_ / parts_, rest = n_ % parts_;
    const int64_t begin = part * size + (part < rest ? part : rest);
    const int64_t end = begin + size + (part < rest ? 1 : 0);
    InsidePool inside;
    try {
      (*body_)(begin, end, part);
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  void waitForParts() {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; pending_.load(std::memory_order_acquire) != 0; ++i) {
      relax();
      if ((i & 63) == 63 && std::chrono::steady_clock::now() - start > kSpin) break;
    }
    if (pending_.load(std::memory_order_acquire) == 0) return;
    std::unique_lock<std::mutex> lock(mutex_);
    callerWaits_.store(true, std::memory_order_seq_cst);
    finished_.wait(lock, [this] { return pending_.load(std::memory_order_seq_cst) == 0; });
    callerWaits_.store(false, std::memory_order_seq_cst);
  }

  void work() {
    for (;;) {
      const auto start = std::chrono::steady_clock::now();
      bool found = false;
      for (int i = 0; !(found = hasWork()) && !stop_.load(std::memory_order_relaxed); ++i) {
        relax();
        if ((i & 63) == 63 && std::chrono::steady_clock::now() - start > kSpin) break;
      }
      if (!found) {
        std::unique_lock<std::mutex> lock(mutex_);
        sleepers_.fetch_add(1, std::memory_order_seq_cst);
        wake_.wait(lock, [this] { return stop_.load() || hasWork(); });
        sleepers_.fetch_sub(1, std::memory_order_seq_cst);
      }
      if (stop_.load()) return;
      while (claim()) {
      }
    }
  }

  std::atomic<int> count_;
  std::mutex jobMutex_;  // one job at a time
  std::vector<std::thread> workers_;

  // The current job: written before the ticket is published, stable until the last claimed part has ended.
  const std::function<void(int64_t, int64_t, int)>* body_ = nullptr;
  int64_t n_ = 0;
  int parts_ = 1;
  uint64_t generation_ = 0;
  std::exception_ptr error_;
  alignas(64) std::atomic<uint64_t> ticket_{0};  // generation << 32 | parts not yet claimed
  alignas(64) std::atomic<int> pending_{0};      // parts not yet ended

  std::mutex mutex_;
  std::condition_variable wake_, finished_;
  std::atomic<int> sleepers_{0};
  std::atomic<bool> callerWaits_{false};
  std::atomic<bool> stop_{false};
};

Pool* created = nullptr;

// Never destroyed: workers may still sleep on its condition variables while the process exits.
Pool& pool() {
  static Pool* const instance = [] {
    created = new Pool();
#if defined(__unix__) || defined(__APPLE__)
    pthread_atfork(nullptr, nullptr, [] { created->afterFork(); });
#endif
    return created;
  }();
  return *instance;
}

}  // namespace

int threadCount() { return pool().count(); }

void setThreadCount(int count) {
  if (count < 1 || count > kMaxThreads) {
    throw std::invalid_argument("setThreadCount: a number from 1 to 256 is wanted, got " + std::to_string(count));
  }
  if (insidePool) throw std::logic_error("setThreadCount: called from inside parallelFor; call it between kernels");
  pool().resize(count);
}

int partCount(int64_t n, int64_t grain) {
  if (n <= 0) return 0;
  if (grain < 1) grain = 1;
  const int64_t parts = n / grain;
  const int64_t limit = threadCount();
  return static_cast<int>(parts < 1 ? 1 : parts < limit ? parts : limit);
}

void parallelFor(int64_t n, int64_t grain, const std::function<void(int64_t begin, int64_t end, int thread)>& body) {
  const int parts = partCount(n, grain);
  if (parts == 0) return;
  if (parts == 1) {
    body(0, n, 0);
    return;
  }
  if (!insidePool && pool().run(n, parts, body)) return;
  const int64_t size = n / parts, rest = n % parts;
  int64_t begin = 0;
  for (int part = 0; part < parts; ++part) {
    const int64_t end = begin + size + (part < rest ? 1 : 0);
    body(begin, end, part);
    begin = end;
  }
}

}  // namespace limbeck
