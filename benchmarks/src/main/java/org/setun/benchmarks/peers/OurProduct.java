package org.setun.benchmarks.peers;

import org.setun.kernels.NativeBackend;

/** Our side of a comparison. */
interface OurProduct extends AutoCloseable {

    /**
     * The product on the threads of {@code backend}, checked.
     *
     * @throws WrongResultException if it computes something else
     */
    Side on(NativeBackend backend);

    @Override
    void close();
}
