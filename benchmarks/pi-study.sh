#!/usr/bin/env bash
# benchmarks/pi-study.sh DATA [FOLDER]: makes the tables of docs/pi-quant.md. DATA holds text/wikitext-2, text/tinystories, images/mnist,
# models/stories260K and models/mlp-mnist. FOLDER (default: pi-study) keeps the model that is trained on the way (a decoder of 3.9 million
# parameters, 1000 steps on WikiText-2: 17 minutes on two busy cores); if it is there already, it is used as it is. STEPS shortens the training.
set -euo pipefail
data=${1:?usage: benchmarks/pi-study.sh DATA [FOLDER]}
folder=${2:-pi-study}
steps=${STEPS:-1000}
setun=$(cd "$(dirname "$0")/.." && pwd)/setun

mkdir -p "$folder"
unpack() { [ -f "$2" ] || { xz -dc "$1" >"$2.part" && mv "$2.part" "$2"; }; }
unpack "$data/text/wikitext-2/train.txt.xz" "$folder/wikitext-train.txt"
unpack "$data/text/wikitext-2/valid.txt.xz" "$folder/wikitext-valid.txt"
unpack "$data/text/tinystories/sample_train.txt.xz" "$folder/tinystories.txt"

model=$folder/wikitext-f32.gguf
if [ ! -f "$model" ]; then
  cat >"$folder/wikitext.toml" <<TOML
[data]
paths = ["$folder/wikitext-train.txt"]
held_out = 0.02
[tokenizer]
vocab_size = 2048
[model]
dim = 256
layers = 4
heads = 4
kv_heads = 4
ffn = 768
context = 256
[quantization]
weights = "none"
[training]
batch_size = 8
max_steps = $steps
precision = "bf16"
[schedule]
kind = "cosine"
learning_rate = 2e-3
warmup_steps = $((steps / 10))
[checkpoint]
folder = "$folder/run"
TOML
  "$setun" train "$folder/wikitext.toml"
  "$setun" export "$folder/run/fp32/step-$(printf %08d "$steps")" "$model" --type F32
fi

"$setun" study pi --markdown "$folder/tables.md" \
  --model "$data/models/stories260K/stories260K.bin" --tokenizer "$data/models/stories260K/tok512.bin" --text "$folder/tinystories.txt" \
  --model "$model" --text "$folder/wikitext-valid.txt" \
  --mlp "$data/models/mlp-mnist/model.json" --images "$data/images/mnist/t10k-images-idx3-ubyte.gz" \
  --labels "$data/images/mnist/t10k-labels-idx1-ubyte.gz" --also q3_k --also q2_k --also e8p --also e8p:bits=3
