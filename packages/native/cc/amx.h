// Whether this process may use the tiles of AMX, and whether they do what they should.
#pragma once
#include <string>

#include "isa.h"

namespace limbeck {

// Asks the system for the tiles and tries them. Why they are not used; empty where they are. Once a process: what the system
// has allowed stays allowed.
std::string amxProblem();

// Whether a small convolution and its two adjoints, on whole numbers so small that all sums are exact, have the same results by both
// tables. On the calling thread alone.
bool sameResults(const KernelTable& a, const KernelTable& b);

}  // namespace limbeck
