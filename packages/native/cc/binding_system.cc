// Threads, instruction sets, precision, memory and files.
#include <memory>
#include <mutex>
#include <stdexcept>
#include <unordered_map>

#include "call.h"
#include "ceiling.h"
#include "conv.h"
#include "isa.h"
#include "memory.h"
#include "pool.h"
#include "simd.h"

namespace limbeck {

int64_t scratchBytes();
void releaseScratch();

namespace {

// Memory behind an external ArrayBuffer: given back by `release`, or else when JavaScript has lost the buffer.
struct Block {
  void* at;
  size_t bytes;
  bool file;
  bool released;
};

std::mutex& blocksMutex() {
  static auto* mutex = new std::mutex;
  return *mutex;
}
std::unordered_map<void*, Block*>& blocks() {
  static auto* all = new std::unordered_map<void*, Block*>;
  return *all;
}

void giveBack(Block& block) {
  if (block.released) return;
  block.released = true;
  blocks().erase(block.at);
  if (block.file) unmapFile(block.at, block.bytes);
  else freeBlock(block.at, block.bytes);
}

void finalise(napi_env, void*, void* hint) {
  std::lock_guard<std::mutex> lock(blocksMutex());
  Block* const block = static_cast<Block*>(hint);
  giveBack(*block);
  delete block;
}

napi_value wrap(Call& call, void* at, size_t bytes, bool file) {
  auto block = std::make_unique<Block>(Block{at, bytes, file, false});
  {
    std::lock_guard<std::mutex> lock(blocksMutex());
    blocks()[at] = block.get();
  }
  napi_value buffer;
  const napi_status status = napi_create_external_arraybuffer(call.env(), at, bytes, finalise, block.get(), &buffer);
  if (status == napi_ok) {
    block.release();
    return buffer;
  }
  {
    std::lock_guard<std::mutex> lock(blocksMutex());
    giveBack(*block);
  }
  if (file) throw std::runtime_error("mapFile: this JavaScript engine does not allow memory maps; read the file instead");
  // Engines that keep all memory in one cage: an ordinary buffer does as well.
  void* data = nullptr;
  require(napi_create_arraybuffer(call.env(), bytes, &data, &buffer), "napi_create_arraybuffer");
  return buffer;
}

napi_value allocate(Call& call) {
  const int64_t bytes = call.integer(0, "bytes", 1);
  void* const at = allocateBlock(static_cast<size_t>(bytes));
  if (!at) {
    throw std::runtime_error("allocate: out of memory: " + std::to_string(bytes) + " bytes are wanted; use a smaller batch");
  }
  return wrap(call, at, static_cast<size_t>(bytes), false);
}

// Frees the memory of an ArrayBuffer at once; the buffer has length 0 from then on.
napi_value release(Call& call) {
  void* data = nullptr;
  size_t bytes = 0;
  if (napi_get_arraybuffer_info(call.env(), call.value(0), &data, &bytes) != napi_ok) call.fail("buffer", "an ArrayBuffer", 0);
  require(napi_detach_arraybuffer(call.env(), call.value(0)), "napi_detach_arraybuffer");
  std::lock_guard<std::mutex> lock(blocksMutex());
  const auto found = blocks().find(data);
  if (found != blocks().end()) giveBack(*found->second);
  return call.undefined();
}

napi_value mapFile(Call& call) {
  size_t bytes = 0;
  void* const at = mapWholeFile(call.text(0, "path").c_str(), bytes);
  return wrap(call, at, bytes, true);
}

// [multiply-adds a second, bytes a second]
napi_value callMeasureCeilings(Call& call) {
  const Ceilings ceilings = measureCeilings();
  return call.result(std::vector<double>{ceilings.multiplyAdds, ceilings.bytes});
}

napi_value getThreadCount(Call& call) { return call.result(threadCount()); }

napi_value putThreadCount(Call& call) {
  setThreadCount(static_cast<int>(call.integer(0, "count", 1, 256)));
  return call.undefined();
}

const char* const kPrecisions[] = {"highest", "high", "default"};

napi_value getPrecision(Call& call) { return call.result(std::string(kPrecisions[static_cast<int>(precision())])); }

napi_value putPrecision(Call& call) {
  const std::string name = call.text(0, "precision");
  for (int i = 0; i < 3; ++i) {
    if (name == kPrecisions[i]) {
      setPrecision(static_cast<Precision>(i));
      return call.undefined();
    }
  }
  throw std::invalid_argument("setPrecision: one of highest, high, default is wanted, got \"" + name + "\"");
}

napi_value getIsa(Call& call) { return call.result(isa()); }
napi_value getIsas(Call& call) { return call.result(availableIsas()); }
napi_value getIsaProblem(Call& call) { return call.result(isaProblem()); }

napi_value putIsa(Call& call) {
  setIsa(call.text(0, "isa"));
  selectSimd(isa().c_str());
  return call.undefined();
}

napi_value getScratchBytes(Call& call) { return call.result(static_cast<double>(scratchBytes())); }

napi_value dropScratch(Call& call) {
  releaseScratch();
  return call.undefined();
}

}  // namespace

std::vector<Export> systemExports() {
  return {{"allocate", allocate},           {"release", release},         {"mapFile", mapFile},
          {"threadCount", getThreadCount},  {"setThreadCount", putThreadCount},
          {"precision", getPrecision},      {"setPrecision", putPrecision},
          {"isa", getIsa},                  {"availableIsas", getIsas},   {"setIsa", putIsa},
          {"measureCeilings", callMeasureCeilings},
          {"isaProblem", getIsaProblem},
          {"scratchBytes", getScratchBytes}, {"releaseScratch", dropScratch}};
}

}  // namespace limbeck
