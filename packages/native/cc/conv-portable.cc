// Flags: baseline (none beyond the common ones).
// Four-lane vectors that every 64-bit processor has.
#include "isa.h"

#if 1
#define LIMBECK_NS portable
#define LIMBECK_VECTOR_BYTES 16
#define LIMBECK_TILE_PIXELS 4
#define LIMBECK_TILE_VECTORS 2
#include "conv-table.h"

namespace limbeck {
const KernelTable* portableKernels(bool winograd) {
  using Operand = portable::Plain<float>;
  return winograd ? portable::Passes<Operand, true>::table() : portable::Passes<Operand, false>::table();
}
}  // namespace limbeck
#else
namespace limbeck {
const KernelTable* portableKernels(bool) { return nullptr; }
}  // namespace limbeck
#endif
