#!/usr/bin/env bash
# tests/fuzz.sh SECONDS [TARGET...]: fuzzes each reader for that long, as many at once as there are cores, starting from its stored corpus.
# A target is a class *FuzzTest without that ending (Gguf, Safetensors, ...; default: all). New inputs collect in the module's .cifuzz-corpus; a
# crash becomes a file among its test resources, so that the plain test suite repeats it.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:?usage: tests/fuzz.sh SECONDS [TARGET...]}
shift
targets=$(find java-api -path '*/src/test/*' -name '*FuzzTest.java' -exec basename {} FuzzTest.java \; | sort)
for target; do
  grep -qx -- "$target" <<<"$targets" || { echo "tests/fuzz.sh: no target $target; there are: "$targets >&2; exit 2; }
done
# -fae: a crash in one module does not keep the other from being fuzzed.
exec mvn -q -B -ntp -fae -pl java-api/formats,java-api/quant -am integration-test -Dtest=none -Dsurefire.failIfNoSpecifiedTests=false \
  -Dsetun.fuzz.seconds="$seconds" -Dsetun.fuzz.targets="$*"
