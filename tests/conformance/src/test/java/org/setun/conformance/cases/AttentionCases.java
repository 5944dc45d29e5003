package org.setun.conformance.cases;

import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;
import org.setun.conformance.cases.Operand.Type;
import org.setun.kernels.Backend;
import org.setun.kernels.NnOps.Attention;
import org.setun.kernels.NnOps.Precision;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.testsupport.OffHeap;

/** Cases of causal grouped-query attention. */
final class AttentionCases {

    private static final Backend REFERENCE = new ReferenceBackend();

    private AttentionCases() {
    }

    /** Extents: batch, queries, keys beyond the queries, kv heads, heads per kv head, head size, whether rows have gaps, and the precision. */
    static Stream<Op> ops() {
        int[] f32 = {1, 5, 0, 1, 2, 8, 0, 0};
        int[] bf16 = {1, 5, 0, 1, 2, 8, 0, 1};
        int[] mostForward = {3, 129, 257, 3, 4, 128, 1, 1};
        int[] mostBackward = {2, 65, 65, 2, 3, 64, 1, 1};
        return Stream.of(new Op("attention_forward", f32, mostForward, AttentionCases::forward),
                new Op("attention_forward:bf16", bf16, mostForward, AttentionCases::forward),
                new Op("attention_backward", f32, mostBackward, AttentionCases::backward),
                new Op("attention_backward:bf16", bf16, mostBackward, AttentionCases::backward));
    }

    private static Attention shape(int[] e) {
        long headDim = Math.max(1, e[5]);
        long kvHeads = Math.max(1, e[3]);
        long heads = kvHeads * Math.max(1, e[4]);
        long keys = (long) e[1] + e[2];
        long ldkv = kvHeads * headDim + e[6];
        return new Attention(e[0], e[1], keys, heads, kvHeads, headDim, (float) (1 / Math.sqrt(headDim)), heads * headDim + e[6], ldkv,
                e[6] == 0 ? 0 : keys * ldkv + 5, Precision.values()[e[7]]);
    }

    private static Case scalars(String op, Attention a) {
        return new Case(op).scalar("batch", a.batch()).scalar("t", a.queries()).scalar("s", a.keys()).scalar("heads", a.heads())
                .scalar("kv_heads", a.kvHeads()).scalar("head_dim", a.headDim()).scalar("scale", a.scale()).scalar("ldq", a.ldq())
                .scalar("ldkv", a.ldkv()).scalar("kv_batch_stride", a.kvBatchStride()).scalar("precision", a.precision().ordinal());
    }

    private static long keyValues(Attention a) {
        return a.batch() * (a.kvBatchStride() == 0 ? a.keys() * a.ldkv() : a.kvBatchStride());
    }

    private static Case forward(int[] e, Filler filler) {
        Attention a = shape(e);
        MemorySegment q = filler.floats(a.batch() * a.queries() * a.ldq());
        MemorySegment k = filler.floats(keyValues(a));
        MemorySegment v = filler.floats(keyValues(a));
        AttentionBounds bounds = new AttentionBounds(a, q, k, v);
        return scalars("attention_forward", a).in("q", Type.F32, q).in("k", Type.F32, k).in("v", Type.F32, v)
                .out("out", a.batch() * a.queries() * a.heads() * a.headDim(), (i, expected) -> bounds.out()[i])
                .out("lse", a.batch() * a.heads() * a.queries(), (i, expected) -> bounds.lse()[i])
                .call((b, s) -> b.attentionForward(a, s.get("q"), s.get("k"), s.get("v"), s.get("out"), s.get("lse")));
    }

    private static Case backward(int[] e, Filler filler) {
        Attention a = shape(e);
        MemorySegment q = filler.floats(a.batch() * a.queries() * a.ldq());
        MemorySegment k = filler.floats(keyValues(a));
        MemorySegment v = filler.floats(keyValues(a));
        MemorySegment out = OffHeap.floats(a.batch() * a.queries() * a.heads() * a.headDim());
        MemorySegment lse = OffHeap.floats(a.batch() * a.heads() * a.queries());
        MemorySegment dout = filler.floats(out.byteSize() / 4);
        REFERENCE.attentionForward(a, q, k, v, out, lse);
        AttentionBounds bounds = new AttentionBounds(a, q, k, v);
        AttentionBounds.Gradients gradients = bounds.gradients(out, lse, dout);
        return scalars("attention_backward", a).in("q", Type.F32, q).in("k", Type.F32, k).in("v", Type.F32, v).in("out", Type.F32, out)
                .in("lse", Type.F32, lse).in("dout", Type.F32, dout).out("dq", q.byteSize() / 4, (i, expected) -> gradients.dq()[i])
                .out("dk", k.byteSize() / 4, (i, expected) -> gradients.dk()[i])
                .out("dv", v.byteSize() / 4, (i, expected) -> gradients.dv()[i])
                .call((b, s) -> b.attentionBackward(a, s.get("q"), s.get("k"), s.get("v"), s.get("out"), s.get("lse"), s.get("dout"),
                        s.get("dq"), s.get("dk"), s.get("dv")));
    }
}
