// Speed of conv.h: GFLOP/s of the convolutions, the matrix product and the block's passes.
//
//   conv-bench [threads] [part of the name] [cpu]     cpu: processor time instead of wall time, for a machine that others use too
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "../isa.h"
#include "../pool.h"

using namespace limbeck;

static const char* wanted = "";
static bool processorTime = false;

static double now() {
  timespec t{};
  clock_gettime(processorTime ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

static void measure(const std::string& name, double flop, const std::function<void()>& body) {
  if (!std::strstr(name.c_str(), wanted)) return;
  body();
  std::vector<double> seconds;
  double total = 0;
  while (seconds.size() < 5 || (total < 0.3 && seconds.size() < 200)) {
    const double start = now();
    body();
    seconds.push_back(now() - start);
    total += seconds.back();
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf("%-44s %9.3f ms best %9.3f median  %7.1f GFLOP/s\n", name.c_str(), seconds[0] * 1e3, seconds[seconds.size() / 2] * 1e3,
              flop / seconds[0] * 1e-9);
  std::fflush(stdout);
}

static std::vector<float> numbers(int64_t count) {
  std::vector<float> v(static_cast<size_t>(count));
  uint32_t state = 12345;
  for (float& each : v) {
    state = state * 1664525u + 1013904223u;
    each = static_cast<float>(state >> 8) / 8388608.f - 1.f;
  }
  return v;
}

static ConvShape shape(int64_t n, int64_t size, int64_t c, int64_t o, int64_t k, int64_t stride) {
  const int64_t pad = k / 2, out = (size + 2 * pad - k) / stride + 1;
  return {n, size, size, c, o, k, k, stride, stride, pad, pad, out, out};
}

static void convolutions(const std::string& label) {
  for (const ConvShape& s : {shape(256, 16, 128, 128, 3, 1), shape(256, 8, 128, 128, 3, 1), shape(64, 32, 128, 128, 3, 1),
                             shape(256, 4, 128, 128, 3, 1), shape(256, 32, 3, 128, 3, 1), shape(256, 28, 1, 128, 3, 1),
                             shape(128, 32, 16, 32, 3, 2), shape(64, 32, 16, 16, 3, 1), shape(1, 16, 128, 128, 3, 1)}) {
    char text[100];
    std::snprintf(text, sizeof text, "%s %ldx%ldx%ldx%ld->%ld k%ld s%ld ", label.c_str(), long(s.n), long(s.h), long(s.w), long(s.c), long(s.o),
                  long(s.kh), long(s.strideH));
    const std::string name = text;
    const double flop = 2.0 * static_cast<double>(s.n * s.oh * s.ow * s.o * s.kh * s.kw * s.c);
    const auto x = numbers(s.n * s.h * s.w * s.c), w = numbers(s.kh * s.kw * s.c * s.o), y = numbers(s.n * s.oh * s.ow * s.o);
    std::vector<float> out(std::max({x.size(), w.size(), y.size()}));
    measure(name + "forward", flop, [&] { convForward(s, x.data(), w.data(), nullptr, out.data()); });
    measure(name + "input", flop, [&] { convBackwardInput(s, y.data(), w.data(), out.data()); });
    measure(name + "filter", flop, [&] { convBackwardFilter(s, x.data(), y.data(), out.data()); });
  }
}

static void products(const std::string& label) {
  for (const auto& d : {std::array<int64_t, 3>{1024, 1024, 1024}, std::array<int64_t, 3>{256, 10, 2048}, std::array<int64_t, 3>{2048, 10, 256}}) {
    const auto a = numbers(d[0] * d[2]), b = numbers(d[1] * d[2]);
    std::vector<float> c(static_cast<size_t>(d[0] * d[1]));
    const double flop = 2.0 * static_cast<double>(d[0] * d[1] * d[2]);
    for (int kind = 0; kind < 4; kind++) {
      char text[100];
      std::snprintf(text, sizeof text, "%s matmul %ldx%ldx%ld %s%s", label.c_str(), long(d[0]), long(d[1]), long(d[2]), kind & 1 ? "T" : "N", kind & 2 ? "T" : "N");
      measure(text, flop, [&] { matmul(1, d[0], d[1], d[2], a.data(), 0, kind & 1, b.data(), 0, kind & 2, c.data()); });
    }
  }
}

static void blocks(const std::string& label) {
  for (const int64_t batch : {256, 10})
    for (int layer = 0; layer < 3; layer++) {
      const ConvShape s = layer == 0 ? shape(batch, 32, 3, 128, 3, 1) : shape(batch, layer == 1 ? 16 : 8, 128, 128, 3, 1);
      BlockShape b{s, Norm::group, s.o, 1e-5f, Activation::relu, 0.f, Pool::average, 2, 0.f};
      const double flop = 2.0 * static_cast<double>(s.n * s.oh * s.ow * s.o * s.kh * s.kw * s.c);
      const auto x = numbers(s.n * s.h * s.w * s.c), w = numbers(s.kh * s.kw * s.c * s.o), bias = numbers(s.o);
      const std::vector<float> gamma(static_cast<size_t>(s.o), 1.f);
      const auto dp = numbers(s.n * b.ph() * b.pw() * s.o);
      std::vector<float> pooled(dp.size()), attention(static_cast<size_t>(s.n * s.oh * s.ow)), saved(static_cast<size_t>(blockSavedSize(b)));
      std::vector<float> dx(x.size()), dw(w.size()), db(bias.size()), dg(bias.size()), dbeta(bias.size()), gdp(dp.size());
      const BlockInputs in{x.data(), w.data(), bias.data(), gamma.data(), bias.data()};
      char text[100];
      std::snprintf(text, sizeof text, "%s block%d n%ld ", label.c_str(), layer + 1, long(batch));
      const std::string name = text;
      measure(name + "forward, nothing saved", flop, [&] { blockForward(b, in, pooled.data(), nullptr, nullptr, nullptr, nullptr); });
      measure(name + "forward", flop, [&] { blockForward(b, in, pooled.data(), nullptr, nullptr, saved.data(), nullptr); });
      BlockShape attentive = b;
      attentive.attentionPower = 4;
      measure(name + "forward attention", flop, [&] { blockForward(attentive, in, pooled.data(), attention.data(), nullptr, saved.data(), nullptr); });
      measure(name + "backward", 2 * flop, [&] {
        blockBackward(b, in, saved.data(), dp.data(), nullptr, nullptr, dx.data(), dw.data(), db.data(), dg.data(), dbeta.data());
      });
      measure(name + "backward images", flop, [&] {
        blockBackward(b, in, saved.data(), dp.data(), nullptr, nullptr, dx.data(), nullptr, nullptr, nullptr, nullptr);
      });
      measure(name + "backward images attention", flop, [&] {
        blockBackward(attentive, in, saved.data(), dp.data(), attention.data(), nullptr, dx.data(), nullptr, nullptr, nullptr, nullptr);
      });
      measure(name + "backward parameters", flop, [&] {
        blockBackward(b, in, saved.data(), dp.data(), nullptr, nullptr, nullptr, dw.data(), db.data(), dg.data(), dbeta.data());
      });
      const bool first = layer == 0;
      measure(name + "twice", (first ? 4 : 6) * flop, [&] {
        blockBackwardBackward(b, in, saved.data(), dp.data(), first ? nullptr : x.data(), w.data(), bias.data(), gamma.data(), bias.data(),
                              gdp.data(), dx.data(), dw.data(), db.data(), dg.data(), dbeta.data());
      });
    }
}

int main(int count, char** arguments) {
  setThreadCount(count > 1 ? std::atoi(arguments[1]) : 2);
  if (count > 2) wanted = arguments[2];
  processorTime = count > 3;
  for (const Precision precision : {Precision::high, Precision::standard}) {
    setPrecision(precision);
    const std::string label = isa() + (precision == Precision::high ? " high" : " standard");
    convolutions(label);
    products(label);
    blocks(label);
  }
  std::printf("scratch %.1f MB\n", static_cast<double>(scratchBytes()) / 1048576);
}
