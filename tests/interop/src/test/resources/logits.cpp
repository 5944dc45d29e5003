// Teacher-forced logits of llama.cpp, for comparison with Setun's: reads int32 tokens, runs them in windows, writes float32 logits.
//
//   logits MODEL.gguf TOKENS WINDOW LOGITS      TOKENS: int32, little-endian; LOGITS: float32 [tokens][vocab]
//   logits MODEL.gguf --tokenize TEXT TOKENS    the text's ids as llama.cpp splits it, without specials
//
// Each window starts with an empty cache. Float32 keys and values, no flash attention, no weight repacking: what is left of the
// difference is the rounding of activations.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "llama.h"

namespace {

[[noreturn]] void fail(const std::string &message) {
    std::fprintf(stderr, "logits: %s\n", message.c_str());
    std::exit(1);
}

std::vector<char> read_all(const char *path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        fail(std::string("cannot read ") + path);
    }
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write_all(std::ofstream &out, const void *data, size_t bytes, const char *path) {
    out.write(static_cast<const char *>(data), static_cast<std::streamsize>(bytes));
    if (!out) {
        fail(std::string("cannot write ") + path);
    }
}

void tokenize(const llama_vocab *vocab, const char *text_path, const char *out_path) {
    const std::vector<char> text = read_all(text_path);
    std::vector<llama_token> ids(text.size() + 8);
    const int count = llama_tokenize(vocab, text.data(), static_cast<int32_t>(text.size()), ids.data(),
                                     static_cast<int32_t>(ids.size()), false, false);
    if (count < 0) {
        fail("the text did not tokenize");
    }
    std::ofstream out(out_path, std::ios::binary);
    write_all(out, ids.data(), sizeof(llama_token) * static_cast<size_t>(count), out_path);
}

void run_windows(llama_context *context, int vocab_size, const std::vector<llama_token> &tokens, size_t window, const char *out_path) {
    std::ofstream out(out_path, std::ios::binary);
    llama_batch batch = llama_batch_init(static_cast<int32_t>(window), 0, 1);
    for (size_t start = 0; start < tokens.size(); start += window) {
        const size_t count = std::min(window, tokens.size() - start);
        llama_memory_clear(llama_get_memory(context), true);
        batch.n_tokens = static_cast<int32_t>(count);
        for (size_t i = 0; i < count; i++) {
            batch.token[i] = tokens[start + i];
            batch.pos[i] = static_cast<llama_pos>(i);
            batch.n_seq_id[i] = 1;
            batch.seq_id[i][0] = 0;
            batch.logits[i] = 1;
        }
        if (llama_decode(context, batch) != 0) {
            fail("llama_decode failed");
        }
        for (size_t i = 0; i < count; i++) {
            write_all(out, llama_get_logits_ith(context, static_cast<int32_t>(i)), sizeof(float) * static_cast<size_t>(vocab_size), out_path);
        }
    }
    llama_batch_free(batch);
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 5) {
        fail("usage: logits MODEL TOKENS WINDOW LOGITS | logits MODEL --tokenize TEXT TOKENS");
    }
    llama_log_set([](ggml_log_level level, const char *text, void *) {
        if (level == GGML_LOG_LEVEL_ERROR) {
            std::fputs(text, stderr);
        }
    }, nullptr);
    llama_backend_init();
    llama_model_params model_params = llama_model_default_params();
    model_params.use_extra_bufts = false;
    llama_model *model = llama_model_load_from_file(argv[1], model_params);
    if (model == nullptr) {
        fail(std::string("llama.cpp does not load ") + argv[1]);
    }
    const llama_vocab *vocab = llama_model_get_vocab(model);
    if (std::strcmp(argv[2], "--tokenize") == 0) {
        tokenize(vocab, argv[3], argv[4]);
        return 0;
    }
    const std::vector<char> bytes = read_all(argv[2]);
    std::vector<llama_token> tokens(bytes.size() / sizeof(llama_token));
    std::memcpy(tokens.data(), bytes.data(), tokens.size() * sizeof(llama_token));
    const int window = std::atoi(argv[3]);
    if (window <= 0 || tokens.empty()) {
        fail("WINDOW must be positive and TOKENS not empty");
    }
    llama_context_params params = llama_context_default_params();
    params.n_ctx = params.n_batch = params.n_ubatch = static_cast<uint32_t>(window);
    params.n_threads = params.n_threads_batch = 1;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.type_k = params.type_v = GGML_TYPE_F32;
    llama_context *context = llama_init_from_model(model, params);
    if (context == nullptr) {
        fail("llama.cpp makes no context for this model");
    }
    run_windows(context, llama_vocab_n_tokens(vocab), tokens, static_cast<size_t>(window), argv[4]);
    llama_free(context);
    llama_model_free(model);
    llama_backend_free();
    return 0;
}
