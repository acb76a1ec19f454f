# shellcheck shell=bash
# What setup, demo and test share. Sourced; sets nothing but functions and `top`, the root of the repository.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# The version of clang that compiles for sanitizers and fuzzers: both Debian 12 and Ubuntu 24.04 have it.
clang=16

say() { printf '%s: %s\n' "${program:-deploy}" "$*" >&2; }

die() { # die MESSAGE...: one line that names the remedy, exit 1
  say "$*"
  exit 1
}

usage_error() { # usage_error MESSAGE...
  say "$* (see --help)"
  exit 2
}

step() { # step NAME COMMAND...: runs it, says how long it took, keeps its exit status
  local name=$1 began=$SECONDS rc=0
  shift
  say "$name ..."
  "$@" || rc=$?
  steps+=("$(printf '%5d s  %s%s' $((SECONDS - began)) "$name" "$([ $rc = 0 ] || echo "  FAILED ($rc)")")")
  say "$name: $((SECONDS - began)) s$([ $rc = 0 ] || echo ", FAILED ($rc)")"
  return $rc
}

print_steps() { # how long each step so far took
  [ ${#steps[@]} = 0 ] || printf '%s\n' "${steps[@]}" >&2
}
steps=()

has_nvidia_driver() {
  [ -e /dev/nvidiactl ] || ldconfig -p 2>/dev/null | grep -q 'libcuda\.so\.1'
}

# One file that includes LibTorch's headers takes a compiler 1.3 GB, so memory bounds the number of compilers too.
build_jobs() {
  local cores gigabytes
  cores=$(nproc)
  gigabytes=$(awk '/^MemAvailable:/ { print int($2 / 1048576 / 1.5) }' /proc/meminfo)
  [ "${gigabytes:-1}" -ge 1 ] || gigabytes=1
  echo $((cores < gigabytes ? cores : gigabytes))
}

# build PRESET TARGET...: configures and builds into build/PRESET; without targets, everything.
build() {
  local preset=$1 with=()
  shift
  case $preset in
    asan | tsan)
      with=("-DCMAKE_C_COMPILER=clang-$clang" "-DCMAKE_CXX_COMPILER=clang++-$clang")
      # CMake forgets the preset's settings when the compiler of a configured folder changes.
      grep -qs "^CMAKE_CXX_COMPILER:.*/clang++-$clang$" "$top/build/$preset/CMakeCache.txt" || with+=(--fresh)
      ;;
  esac
  (cd "$top" && cmake --preset "$preset" "${with[@]}" &&
    cmake --build --preset "$preset" -j "$(build_jobs)" ${1:+--target "$@"})
}
