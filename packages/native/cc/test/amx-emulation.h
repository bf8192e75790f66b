// The kernel tables of conv-amx.cc on an emulated tile unit, and what the unit counts.
#pragma once
#include <atomic>
#include <cstdint>

#include "../isa.h"

namespace limbeck {

// Compiled for any processor, and with the vector instructions of conv-amx.cc; null where not compiled so.
const KernelTable* amxEmulatedKernels();
const KernelTable* amxEmulatedVectorKernels();

namespace emulation {
inline std::atomic<int64_t> products{0}, loads{0}, stores{0};  // instructions
inline thread_local bool configured = false;
}  // namespace emulation

}  // namespace limbeck
