package org.setun.quant.format;

/** The rows of a weight matrix, read one at a time, so that a matrix need not fit in memory. */
public interface WeightRows {

    /** Reads one row. */
    @FunctionalInterface
    interface Reader {

        /** Row {@code row} into {@code values} from index {@code to}. */
        void read(long row, float[] values, int to);
    }

    /** Output channels. */
    long rows();

    /** Input channels. */
    int columns();

    /** Row {@code row} into {@code values} from index {@code to}. */
    void read(long row, float[] values, int to);

    /** Rows that {@code reader} reads, by as many threads as it allows. */
    static WeightRows of(long rows, int columns, Reader reader) {
        return new WeightRows() {
            @Override
            public long rows() {
                return rows;
            }

            @Override
            public int columns() {
                return columns;
            }

            @Override
            public void read(long row, float[] values, int to) {
                reader.read(row, values, to);
            }
        };
    }

    /** The rows of a row-major array. */
    static WeightRows of(float[] values, int columns) {
        if (columns < 1 || values.length % columns != 0) {
            throw new IllegalArgumentException("columns = " + columns + " must divide the " + values.length + " values");
        }
        return of(values.length / columns, columns, (row, into, to) -> System.arraycopy(values,
                Math.toIntExact(Math.multiplyExact(row, columns)), into, to, columns));
    }
}
