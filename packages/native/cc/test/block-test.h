// Tests of the fused block, one random shape each.
#pragma once
#include <string>

#include "check.h"

namespace checks {

// Largest errors met by testFloatBlock.
struct BlockErrors {
  double forward = 0, backward = 0, twice = 0;
};
extern BlockErrors blockErrors;

// float64 passes, by minimal filtering or without, against exact first and second derivatives, to 1e-12.
void testDoubleBlock(reference::Random& random, bool winograd);
// float32 passes of the instruction set in use against the float64 ones.
void testFloatBlock(reference::Random& random, Arithmetic arithmetic, const std::string& name);

}  // namespace checks
