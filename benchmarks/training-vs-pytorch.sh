#!/usr/bin/env bash
# benchmarks/training-vs-pytorch.sh BASELINE: steps of training beside PyTorch's, the two in turn, and the ratios of their medians.
# BASELINE is a program that times PyTorch: BASELINE CFG MODE THREADS WARMUP STEPS prints a line with ms/step and a rate (tok/s=N or samples/s=N);
# CFG a, b (decoders of dim 256 and 512), mlp; MODE fp32 bf16 qat qatbf16, for mlp adam adambf16 adamqat. A rate counts only within one run of this script.
#   MODELS   decoder-30m mlp decoder-3m (default: decoder-30m mlp)      THREADS  default: 1 and all      ROUNDS  default: 3
#   OURS     fp32 bf16 ternary ternary-bf16                             PEERS    fp32 bf16 qat qatbf16 (default: all of both)
set -euo pipefail
baseline=${1:?usage: benchmarks/training-vs-pytorch.sh BASELINE}
setun=$(cd "$(dirname "$0")/.." && pwd)/setun
models=${MODELS:-decoder-30m mlp}
threads=${THREADS:-$(printf '1\n%s\n' "$(getconf _NPROCESSORS_ONLN)" | sort -nu | xargs)}
results=$(mktemp)
trap 'rm -f "$results"' EXIT

peer() { # model mode threads
  local cfg mode=$2 counts="2 4"
  case $1 in
    decoder-3m) cfg=a; counts="2 8" ;;
    decoder-30m) cfg=b; counts="1 3" ;;
    mlp) cfg=mlp; counts="200 400"; mode=adam${mode#fp32}; mode=${mode/qatbf16/skip} ;;
  esac
  case $mode in *skip) return ;; esac
  # shellcheck disable=SC2086
  "$baseline" "$cfg" "$mode" "$3" $counts 2>/dev/null | sed -nE "s#^torch .*(tok|samples)/s=([0-9.]+).*#$1 $3 torch:$2 \2#p" | tee -a "$results" >&2
}
ours() {
  local counts=(--warm-up 2 --steps 4)
  case $1 in
    decoder-3m) counts=(--warm-up 3 --steps 8) ;;
    decoder-30m) counts=(--warm-up 1 --steps 3) ;;
    mlp) counts=(--warm-up 1000 --steps 1000) ;;
  esac
  "$setun" bench train --json --model "$1" --mode "$2" --threads "$3" "${counts[@]}" |
    sed -nE "s#.*\"units_per_s\":([0-9.]+).*#$1 $3 setun:$2 \1#p" | tee -a "$results" >&2
}

for ((round = 0; round < ${ROUNDS:-3}; round++)); do
  for model in $models; do
    for t in $threads; do
      theirs=(${PEERS-fp32 bf16 qat qatbf16})
      mine=(${OURS-fp32 bf16 ternary ternary-bf16})
      for ((i = 0; i < ${#theirs[@]} || i < ${#mine[@]}; i++)); do
        [ "$i" -ge ${#theirs[@]} ] || peer "$model" "${theirs[i]}" "$t"
        [ "$i" -ge ${#mine[@]} ] || ours "$model" "${mine[i]}" "$t"
      done
    done
  done
done

echo "model threads what samples-or-tokens/s (median of ${ROUNDS:-3} runs, in turn)"
sort "$results" | awk '
  function median(key,  n, i, j, t, v) {
    n = split(all[key], v, " ")
    for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (v[j] + 0 < v[i] + 0) { t = v[i]; v[i] = v[j]; v[j] = t }
    return n == 0 ? 0 : n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
  }
  function ratio(name, up, down, must) {
    if (rate[at " " up] > 0 && rate[at " " down] > 0)
      printf "  %-58s %6.2f   %s\n", name, rate[at " " up] / rate[at " " down], must
  }
  { key = $1 " " $2 " " $3; if (!(key in all)) order[++count] = key; all[key] = all[key] " " $4 }
  END {
    for (i = 1; i <= count; i++) { rate[order[i]] = median(order[i]); split(order[i], w, " "); group[w[1] " " w[2]] = 1
                                   printf "%s %.0f\n", order[i], rate[order[i]] }
    for (at in group) {
      print at
      mlp = at ~ /^mlp/
      ratio("ternary QAT / PyTorch fp32, rate", "setun:ternary-bf16", "torch:fp32", mlp ? "must 1.2, aim 2" : "must 4, aim 6; without AMX 1.3, 1.8")
      ratio("ternary QAT (gradients in fp32) / PyTorch fp32, rate", "setun:ternary", "torch:fp32", "")
      ratio("ternary QAT / PyTorch bf16, rate", "setun:ternary-bf16", "torch:bf16", mlp ? "" : "AMX: must 1.6, aim 2.5")
      ratio("ternary QAT / PyTorch QAT, rate", "setun:ternary-bf16", "torch:qat", "")
      ratio("ternary QAT / PyTorch QAT bf16, rate", "setun:ternary-bf16", "torch:qatbf16", "AMX: must 2.2, aim 3.5")
      ratio("fp32 / PyTorch fp32, rate", "setun:fp32", "torch:fp32", mlp ? "" : "must 1.0, aim 1.3")
      ratio("bf16 / PyTorch bf16, rate", "setun:bf16", "torch:bf16", "")
      ratio("ternary QAT step / our fp32 step, time", "setun:fp32", "setun:ternary-bf16", mlp ? "" : "AMX: must 0.25, aim 0.17")
      ratio("ternary QAT step / our bf16 step, time", "setun:bf16", "setun:ternary-bf16", mlp ? "" : "must 0.9, aim 0.75")
    }
  }'
