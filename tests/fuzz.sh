#!/usr/bin/env bash
# tests/fuzz.sh SECONDS [TARGET...]: fuzzes each parser for that long, starting from its stored corpus. New inputs collect in
# java-api/formats/.cifuzz-corpus; a crash becomes a file among the test resources, so that the plain test suite repeats it.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:?usage: tests/fuzz.sh SECONDS [TARGET...]}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(gguf safetensors tokenizerJson llama2cModel llama2cTokenizer)

mvn -q -B -pl java-api/formats -am test-compile
failed=()
for target in "${targets[@]}"; do
  echo "== $target: $seconds s"
  JAZZER_FUZZ=1 JAZZER_MAX_DURATION="${seconds}s" mvn -B -pl java-api/formats -am test -Dsurefire.failIfNoSpecifiedTests=false \
    -Dtest="ParserFuzzTest#$target" >"java-api/formats/target/fuzz-$target.log" 2>&1 || failed+=("$target")
  grep -E "^#[0-9]+.*(DONE|pulse)|== Java Exception|artifact_prefix" "java-api/formats/target/fuzz-$target.log" | tail -2 || true
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]} (see java-api/formats/target/fuzz-TARGET.log)"; exit 1; }
