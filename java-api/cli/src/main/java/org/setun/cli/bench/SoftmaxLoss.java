package org.setun.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.setun.kernels.NativeBackend;
import org.setun.kernels.NnOps.Divergence;

/** Losses over rows of logits, value and gradient: cross-entropy, and the distance from a teacher's distributions at temperature 2. */
final class SoftmaxLoss implements Kernel {

    private final boolean teacher;

    SoftmaxLoss(boolean teacher) {
        this.teacher = teacher;
    }

    @Override
    public String name() {
        return teacher ? "distill" : "cross_entropy";
    }

    @Override
    public Work prepare(Operands operands, Shape shape, long n, long setBytes) {
        NativeBackend backend = operands.backend();
        long vocab = shape.k();
        long bytes = n * vocab * Float.BYTES;
        int copies = Operands.copies(bytes, setBytes);
        MemorySegment student = operands.set(bytes, copies);
        MemorySegment.copy(operands.gaussian(n * vocab), 0, student, 0, bytes);
        Operands.repeat(student, bytes);
        MemorySegment other = operands.gaussian(n * vocab);
        MemorySegment targets = operands.bytes(n * Integer.BYTES).fill((byte) 0);
        MemorySegment loss = operands.floats(n);
        MemorySegment gradient = operands.floats(n * vocab);
        run(backend, student.asSlice(0, bytes), other, targets, n, vocab, loss, gradient);
        double sum = 0; // of a row's gradient: 0 but for rounding
        for (long j = 0; j < vocab; j++) {
            sum += gradient.getAtIndex(ValueLayout.JAVA_FLOAT, j);
        }
        Operands.require(loss.get(ValueLayout.JAVA_FLOAT, 0) > 0 && Math.abs(sum) < 1e-5, name() + " n = " + n + ", vocabulary = " + vocab);
        return new Work("fp32", 0, null, Work.Traffic.copy(teacher ? 2 * bytes : bytes, bytes), student, copies, "bound",
                index -> run(backend, Work.piece(student, copies, index), other, targets, n, vocab, loss, gradient));
    }

    private void run(NativeBackend backend, MemorySegment logits, MemorySegment other, MemorySegment targets, long n, long vocab,
            MemorySegment loss, MemorySegment gradient) {
        if (teacher) {
            backend.distill(Divergence.FORWARD, 2, logits, other, null, n, vocab, loss, gradient, 1);
        } else {
            backend.crossEntropy(logits, targets, n, vocab, loss, gradient, 1);
        }
    }
}
