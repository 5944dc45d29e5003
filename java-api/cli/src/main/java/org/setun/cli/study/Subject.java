package org.setun.cli.study;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.setun.eval.ModelComparison;

/** A trained model whose weights a study replaces. */
interface Subject extends AutoCloseable {

    /**
     * A weight matrix.
     *
     * @param name    in the model's file
     * @param rows    outputs
     * @param columns inputs
     * @param values  row-major
     */
    record Matrix(String name, int rows, int columns, float[] values) {
    }

    /** In tables. */
    String name();

    /** What the windows are windows of, for the table. */
    String data();

    /** The matrices to quantize. */
    List<Matrix> matrices();

    /**
     * The inputs' products, {@code x x^T} summed or averaged over some of the data, row-major [columns][columns], of each matrix by name.
     */
    Map<String, double[]> inputProducts() throws IOException;

    /** The model with other weights against the model as it is, on the subject's data. */
    ModelComparison.Result compare(Map<String, float[]> replaced) throws IOException;

    @Override
    void close();
}
