package org.setun.inference;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of a loaded model.
 *
 * @param embedding f32[vocab][dim]
 * @param outputNorm f32[dim]
 * @param head [vocab][dim]; if tied, of the same values as the embedding
 */
record ModelWeights(MemorySegment embedding, List<Layer> layers, MemorySegment outputNorm, Projection head) {

    /** One block. Norms are f32 of the width they scale; {@code qNorm} and {@code kNorm} f32[headDim] (Qwen 3). */
    record Layer(MemorySegment attnNorm, Projection q, Projection k, Projection v, @Nullable MemorySegment qNorm,
            @Nullable MemorySegment kNorm,
            @Nullable MemorySegment attnSubNorm, Projection attnOutput, MemorySegment ffnNorm, Projection gate, Projection up,
            @Nullable MemorySegment ffnSubNorm, Projection down) {
    }
}
