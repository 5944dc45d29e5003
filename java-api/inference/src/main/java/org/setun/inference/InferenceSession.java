package org.setun.inference;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;
import org.setun.kernels.Backend;
import org.setun.kernels.MemoryPool;
import org.setun.kernels.NnOps;
import org.setun.nn.DecoderConfig;

/**
 * One running text: the keys and values of the tokens seen so far, and the memory to compute the next logits. All memory is taken when the
 * session is made; later calls allocate none. One caller at a time, and, if the backend has workers, one session of it at a time.
 */
public final class InferenceSession implements AutoCloseable {

    /** Rows that are computed together; the logits of a batch are held at once. */
    private static final int BATCH = 64;
    private static final long LOGITS_BYTES = 16L << 20;
    /** Most of a session is a few big blocks, which get slabs of their own; the default slab would be mostly empty in a small model. */
    private static final long SLAB_BYTES = 4L << 20;

    /** Receives logits of consecutive positions. */
    @FunctionalInterface
    public interface LogitsConsumer {

        /** {@code logits} f32[rows][vocab] of the positions {@code first .. first + rows - 1}; valid during the call. */
        void accept(int first, int rows, MemorySegment logits);
    }

    private final DecoderConfig config;
    private final ModelWeights weights;
    private final Backend backend;
    private final MemoryPool memory;
    private final int context;
    private final int batch;
    private final int logitsRows;
    private final int queryWidth;
    private final int keyWidth;
    private final MemorySegment[] keys;
    private final MemorySegment[] values;
    private final Rows rows;
    private final MemorySegment ids;
    private final MemorySegment positions;
    private final MemorySegment x;
    private final MemorySegment q;
    private final MemorySegment k;
    private final MemorySegment v;
    private final MemorySegment attended;
    private final MemorySegment gate;
    private final MemorySegment up;
    private final MemorySegment logits;
    private int position;
    private boolean closed;

    InferenceSession(DecoderConfig config, ModelWeights weights, Backend backend, int context) {
        this.config = config;
        this.weights = weights;
        this.backend = backend;
        this.context = context;
        this.batch = Math.min(BATCH, context);
        this.logitsRows = (int) Math.clamp(LOGITS_BYTES / (4L * config.vocab()), 1, batch);
        this.queryWidth = Math.multiplyExact(config.heads(), config.headDim());
        this.keyWidth = Math.multiplyExact(config.kvHeads(), config.headDim());
        this.memory = MemoryPool.builder(backend).slabBytes(SLAB_BYTES).build();
        try {
            keys = cache();
            values = cache();
            int widest = Math.max(config.dim(), Math.max(queryWidth, config.ffn()));
            rows = new Rows(backend, memory, batch, widest, config.normEps());
            ids = floats(batch, 1);
            positions = floats(batch, 1);
            x = floats(batch, config.dim());
            q = floats(batch, queryWidth);
            k = floats(batch, keyWidth);
            v = floats(batch, keyWidth);
            attended = floats(batch, queryWidth);
            gate = floats(batch, widest);
            up = floats(batch, widest);
            logits = floats(logitsRows, config.vocab());
        } catch (RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    /** Tokens that the session holds; the next token gets this position. */
    public int position() {
        return position;
    }

    /** Most tokens that the session can hold. */
    public int context() {
        return context;
    }

    /** Off-heap bytes that the session holds: the same from its first to its last token. */
    public long memoryBytes() {
        return memory.statistics().inUse();
    }

    /** Forgets everything from {@code newPosition} on (0 = start anew). */
    public void truncate(int newPosition) {
        if (newPosition < 0 || newPosition > position) {
            throw new IllegalArgumentException("newPosition = " + newPosition + " must be in [0, " + position + "]");
        }
        position = newPosition;
    }

    /**
     * Adds one token.
     *
     * @return the logits f32[vocab] that predict the next token; valid until the next call
     */
    public MemorySegment next(int token) {
        requireRoom(1);
        setToken(0, token);
        forward(1);
        head(0, 1);
        return logits;
    }

    /**
     * Adds tokens, many at a time.
     *
     * @param tokens at least one, each in [0, vocab)
     * @return the logits f32[vocab] that predict the token after the last; valid until the next call
     * @throws IllegalArgumentException if they do not fit into the context, or one is not in the vocabulary; nothing is added then
     */
    public MemorySegment prefill(int[] tokens) {
        run(tokens, null);
        return logits;
    }

    /** Adds tokens as {@link #prefill} does, and hands out the logits of all of them. */
    public void score(int[] tokens, LogitsConsumer consumer) {
        run(tokens, consumer);
    }

    /** Frees the session's memory. */
    @Override
    public void close() {
        closed = true;
        memory.close();
    }

    private void run(int[] tokens, @Nullable LogitsConsumer consumer) {
        if (tokens.length == 0) {
            throw new IllegalArgumentException("tokens is empty: at least one token is needed");
        }
        requireRoom(tokens.length);
        for (int i = 0; i < tokens.length; i++) {
            requireToken(i, tokens[i]);
        }
        for (int start = 0; start < tokens.length; start += batch) {
            int n = Math.min(batch, tokens.length - start);
            for (int i = 0; i < n; i++) {
                setToken(i, tokens[start + i]);
            }
            int first = position;
            forward(n);
            if (consumer != null) {
                scoreBatch(first, n, consumer);
            } else if (start + n == tokens.length) {
                head(n - 1, 1);
            }
        }
    }

    private void scoreBatch(int first, int n, LogitsConsumer consumer) {
        for (int row = 0; row < n; row += logitsRows) {
            int count = Math.min(logitsRows, n - row);
            head(row, count);
            consumer.accept(first + row, count, logits.asSlice(0, 4L * count * config.vocab()));
        }
    }

    /** Runs the blocks over the first {@code n} ids; {@link #x} holds the result. */
    private void forward(int n) {
        for (int i = 0; i < n; i++) {
            positions.setAtIndex(ValueLayout.JAVA_INT, i, position + i);
        }
        backend.embeddingForward(ids, n, weights.embedding(), config.vocab(), config.dim(), x);
        NnOps.Attention shape = new NnOps.Attention(1, n, position + n, config.heads(), config.kvHeads(), config.headDim(),
                (float) (1 / Math.sqrt(config.headDim())), queryWidth, keyWidth, 0);
        for (int layer = 0; layer < config.layers(); layer++) {
            attention(weights.layers().get(layer), layer, n, shape);
            feedForward(weights.layers().get(layer), n);
        }
        position += n;
    }

    private void attention(ModelWeights.Layer layer, int index, int n, NnOps.Attention shape) {
        rows.normalized(x, layer.attnNorm(), n, config.dim(), layer.q(), layer.k(), layer.v());
        layer.q().apply(backend, rows, q);
        layer.k().apply(backend, rows, k);
        layer.v().apply(backend, rows, v);
        if (layer.qNorm() != null) {
            norm(q, layer.qNorm(), n * config.heads());
        }
        if (layer.kNorm() != null) {
            norm(k, layer.kNorm(), n * config.kvHeads());
        }
        backend.rope(q, n, config.heads(), config.headDim(), queryWidth, positions, config.ropeTheta(), config.rope(), false);
        backend.rope(k, n, config.kvHeads(), config.headDim(), keyWidth, positions, config.ropeTheta(), config.rope(), false);
        MemorySegment.copy(k, 0, keys[index], 4L * position * keyWidth, 4L * n * keyWidth);
        MemorySegment.copy(v, 0, values[index], 4L * position * keyWidth, 4L * n * keyWidth);
        backend.attentionForward(shape, q, keys[index], values[index], attended, null);
        rows.normalized(attended, layer.attnSubNorm(), n, queryWidth, layer.attnOutput());
        layer.attnOutput().addTo(backend, rows, x, gate);
    }

    private void feedForward(ModelWeights.Layer layer, int n) {
        rows.normalized(x, layer.ffnNorm(), n, config.dim(), layer.gate(), layer.up());
        layer.gate().apply(backend, rows, gate);
        layer.up().apply(backend, rows, up);
        rows.gated(config.activation(), gate, up, layer.ffnSubNorm(), n, config.ffn(), layer.down());
        layer.down().addTo(backend, rows, x, up);
    }

    /** Logits of {@code count} rows of {@link #x} from {@code row} on. */
    private void head(int row, int count) {
        long width = 4L * config.dim();
        rows.normalized(x.asSlice(row * width, count * width), weights.outputNorm(), count, config.dim(), weights.head());
        weights.head().apply(backend, rows, logits);
    }

    /** RMSNorm of each head, in place. */
    private void norm(MemorySegment heads, MemorySegment weight, int n) {
        backend.rmsNormForward(heads, weight, n, config.headDim(), config.normEps(), heads, null);
    }

    private void setToken(int index, int token) {
        requireToken(index, token);
        ids.setAtIndex(ValueLayout.JAVA_INT, index, token);
    }

    private void requireToken(int index, int token) {
        if (token < 0 || token >= config.vocab()) {
            throw new IllegalArgumentException("token " + index + " = " + token + " must be in [0, " + config.vocab() + ")");
        }
    }

    private void requireRoom(int tokens) {
        if (closed) {
            throw new IllegalStateException("the session is closed");
        }
        if (tokens > context - position) {
            throw new IllegalArgumentException(tokens + " tokens do not fit: the session holds " + position + " of at most " + context);
        }
    }

    private MemorySegment[] cache() {
        MemorySegment[] layers = new MemorySegment[config.layers()];
        for (int i = 0; i < layers.length; i++) {
            layers[i] = floats(context, keyWidth);
        }
        return layers;
    }

    private MemorySegment floats(long count, long width) {
        return memory.allocate(Math.multiplyExact(4L * count, width)).segment();
    }
}
