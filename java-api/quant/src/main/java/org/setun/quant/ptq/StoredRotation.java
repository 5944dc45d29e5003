package org.setun.quant.ptq;

import org.setun.quant.incoherence.Incoherence;
import org.setun.quant.incoherence.IncoherenceTransform;
import org.setun.quant.incoherence.Rotations;

/**
 * What a file says of the two orthogonal matrices between which a stored matrix lies.
 *
 * @param method the text of {@link Incoherence#describe}; before the matrix is rotated the label of the method alone
 * @param seed   from which both are drawn again
 */
public record StoredRotation(String method, long seed) {

    /** The method without the structure of its two sides. */
    public Incoherence.Method kind() {
        int slash = method.indexOf('/');
        return Incoherence.Method.parse(slash < 0 ? method : method.substring(0, slash));
    }

    /**
     * Makes the two matrices again.
     *
     * @throws IllegalArgumentException if this version would make others than those of the file
     */
    public IncoherenceTransform restore(Rotations rotations, long rows, long columns) {
        return Incoherence.restore(method, seed, rotations, Math.toIntExact(rows), Math.toIntExact(columns));
    }
}
