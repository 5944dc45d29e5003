#!/usr/bin/env bash
# tests/fuzz.sh SECONDS [TARGET...]: fuzzes each reader for that long, starting from its stored corpus. New inputs collect in the module's
# .cifuzz-corpus; a crash becomes a file among its test resources, so that the plain test suite repeats it.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:?usage: tests/fuzz.sh SECONDS [TARGET...]}
shift
declare -A test=()
for target in gguf blocks safetensors tokenizerJson llama2cModel llama2cTokenizer; do test[$target]="formats ParserFuzzTest"; done
for target in imatrix calibration samples; do test[$target]="quant CalibrationFuzzTest"; done
for target in quantizedFile huggingFace; do test[$target]="quant QuantizedFileFuzzTest"; done
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(gguf blocks safetensors tokenizerJson llama2cModel llama2cTokenizer imatrix calibration samples quantizedFile huggingFace)

mvn -q -B -pl java-api/formats,java-api/quant -am test-compile
failed=()
for target in "${targets[@]}"; do
  read -r module class <<<"${test[$target]:?no such target: $target}"
  log="java-api/$module/target/fuzz-$target.log"
  echo "== $target: $seconds s"
  JAZZER_FUZZ=1 JAZZER_MAX_DURATION="${seconds}s" mvn -B -pl "java-api/$module" -am test -Dsurefire.failIfNoSpecifiedTests=false \
    -Dtest="$class#$target" >"$log" 2>&1 || failed+=("$log")
  grep -E "^#[0-9]+.*(DONE|pulse)|== Java Exception|artifact_prefix" "$log" | tail -2 || true
done
[ ${#failed[@]} -eq 0 ] || { echo "failed, see: ${failed[*]}"; exit 1; }
