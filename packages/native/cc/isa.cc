// Flags: baseline (none beyond the common ones).
#include "isa.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "amx.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace limbeck {
namespace {

struct Cpu {
  bool avx2 = false, avx512 = false, bfloat16 = false, amx = false;

  Cpu() {
#if defined(__x86_64__)
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return;
    const bool fma = c & (1u << 12), osxsave = c & (1u << 27), avx = c & (1u << 28);
    if (!osxsave || !avx) return;
    unsigned low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 0x6u) != 0x6u) return;  // the system keeps the AVX registers
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    avx2 = fma && (b & (1u << 5));
    const unsigned needed = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);  // F, DQ, BW, VL
    avx512 = avx2 && (low & 0xe0u) == 0xe0u && (b & needed) == needed;
    const bool tiles = (d & (1u << 22)) && (d & (1u << 24)) && (low & 0x60000u) == 0x60000u;  // BF16, TILE; the system keeps them
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) bfloat16 = avx512 && (a & (1u << 5));
    amx = bfloat16 && tiles;
#endif
  }
};

const Cpu& cpu() {
  static const Cpu found;
  return found;
}

struct Choice {
  std::string name;
  const KernelTable* plain;
  const KernelTable* winograd;
  const KernelTable* bfloat16;  // null where there is none
  bool tiles;                   // bfloat16 products in tiles
};

const std::string& amxProblemOnce() {
  static const std::string problem = cpu().amx ? amxProblem() : "this processor, or its system, has no tiles";
  return problem;
}

const std::vector<Choice>& choices() {
  static const std::vector<Choice> all = [] {
    std::vector<Choice> list;
    const auto offer = [&list](const char* name, const KernelTable* (*of)(bool), const KernelTable* bfloat16, bool tiles = false) {
      if (of(false)) list.push_back({name, of(false), of(true), bfloat16, tiles});
    };
    offer("portable", portableKernels, nullptr);
    offer("neon", neonKernels, nullptr);
    if (cpu().avx2) offer("avx2", avx2Kernels, nullptr);
    if (cpu().avx512) offer("avx512", avx512Kernels, cpu().bfloat16 ? avx512Bfloat16Kernels() : nullptr);
    if (amxProblemOnce().empty()) offer("amx", avx512Kernels, amxKernels(), true);
    return list;
  }();
  return all;
}

const Choice* find(const std::string& name) {
  for (const Choice& choice : choices())
    if (choice.name == name) return &choice;
  std::string have;
  for (const Choice& choice : choices()) have += (have.empty() ? "" : ", ") + choice.name;
  throw std::invalid_argument("setIsa: wanted an instruction set of this machine (" + have + "), got \"" + name + "\"" +
                              (name == "amx" ? "; " + amxProblemOnce() : ""));
}

// The best one, or the one that LIMBECK_ISA names. A name that this machine does not have is met when it is used, by `kernels`.
std::atomic<const Choice*>& chosen() {
  static std::atomic<const Choice*> current([] {
    const char* forced = std::getenv("LIMBECK_ISA");
    return forced && *forced ? find(forced) : &choices().back();
  }());
  return current;
}

std::atomic<Precision> currentPrecision{Precision::high};
std::atomic<const KernelTable*> forced{nullptr};

}  // namespace

Precision precision() { return currentPrecision.load(); }
void setPrecision(Precision value) { currentPrecision.store(value); }

const std::string& isa() { return chosen().load()->name; }

std::vector<std::string> availableIsas() {
  std::vector<std::string> names;
  for (const Choice& choice : choices()) names.push_back(choice.name);
  return names;
}

void setIsa(const std::string& name) { chosen().store(find(name)); }

const KernelTable& kernels() {
  if (const KernelTable* table = forced.load()) return *table;
  const Choice& choice = *chosen().load();
  switch (precision()) {
    case Precision::highest: return *choice.plain;
    case Precision::high: return *choice.winograd;
    default: return choice.bfloat16 ? *choice.bfloat16 : *choice.winograd;
  }
}

const KernelTable& kernels(const ConvShape& s) {
  if (precision() != Precision::standard || forced.load() || !fitsWinograd(s)) return kernels();
  const Choice& choice = *chosen().load();
  return choice.tiles ? *choice.bfloat16 : *choice.winograd;
}

void useKernels(const KernelTable* table) { forced.store(table); }

const std::string& isaProblem() {
  static const std::string problem = cpu().amx && !amxProblemOnce().empty() ? "amx: " + amxProblemOnce() : "";
  return problem;
}

}  // namespace limbeck
