// Tests of the fused block, one random shape each.
#pragma once
#include <string>

#include "reference.h"

namespace checks {

// Largest errors met by testFloatBlock.
struct BlockErrors {
  double forward = 0, backward = 0, twice = 0;
};
extern BlockErrors blockErrors;

// float64 passes against exact first and second derivatives, to 1e-12.
void testDoubleBlock(reference::Random& random);
// float32 passes of the instruction set in use against the float64 ones; not exact: of bfloat16 products.
void testFloatBlock(reference::Random& random, bool exact, const std::string& name);

}  // namespace checks
