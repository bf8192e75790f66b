#!/bin/sh
# The kernels' tests under the address and undefined-behaviour sanitizers, with few cases: scripts/sanitize.sh [cases]
set -eu
cases=${1:-25}
here=$(cd "$(dirname "$0")/../cc" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
compiler=${CXX:-g++}
flags="-O1 -g -std=c++17 -ffp-contract=fast -fno-math-errno -fsanitize=address,undefined -fno-sanitize-recover=all -Wall -Wextra -Wno-psabi"
avx512="-mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl"
for file in amx conv conv-neon conv-portable conv-scratch isa pool test/conv-test test/block-test test/amx-emulated \
  test/amx-emulated-vector conv-avx2 conv-avx512 conv-avx512-bfloat16 conv-amx; do
  extra=""
  if [ "$(uname -m)" = x86_64 ]; then
    case $file in
      conv-avx2) extra="-mavx2 -mfma" ;;
      conv-avx512) extra=$avx512 ;;
      conv-avx512-bfloat16 | conv-amx | test/amx-emulated-vector) extra="$avx512 -mavx512bf16" ;;
    esac
  fi
  # shellcheck disable=SC2086
  $compiler $flags $extra -c "$here/$file.cc" -o "$out/$(basename "$file").o"
done
# shellcheck disable=SC2086
$compiler $flags "$out"/*.o -o "$out/conv-test" -lpthread
"$out/conv-test" "$cases"
