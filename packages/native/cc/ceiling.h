// The machine's measured ceilings, for rooflines.
#pragma once

namespace limbeck {

struct Ceilings {
  double multiplyAdds;  // a second, on all threads, with the instruction set and precision in use
  double bytes;         // a second, on all threads: read and written by a = b + c on arrays far larger than the caches
};

// Takes about a third of a second and 192 MiB. Throws std::bad_alloc where they cannot be had.
Ceilings measureCeilings();

}  // namespace limbeck
