#!/bin/sh
# Builds the addon with the address and undefined-behaviour sanitizers and runs random
# calls of all its functions: scripts/sanitize-addon.sh [first case] [cases]. Linux with g++.
set -eu
cd "$(dirname "$0")/.."
prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
nodedir=""
[ -e "$prefix/include/node/node_api.h" ] && nodedir="--nodedir=$prefix"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r binding.gyp package.json cc "$work"
ln -s "$PWD/node_modules" "$work/node_modules"
flags="-O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined"
(cd "$work" && CXXFLAGS="$flags" LDFLAGS="-fsanitize=address,undefined" \
  node node_modules/node-gyp/bin/node-gyp.js configure build --silent --jobs 2 $nodedir >/dev/null)
# Node itself is not built with the sanitizers: its own memory is none of ours.
ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0 \
  LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)" \
  node scripts/fuzz-addon.mjs "$work/build/Release/limbeck.node" "${1:-0}" "${2:-20000}"
