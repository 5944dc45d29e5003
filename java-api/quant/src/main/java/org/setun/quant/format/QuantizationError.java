package org.setun.quant.format;

/**
 * How far stored values are from the original ones, gathered a stretch at a time. Sums are fp64, in the order of the calls. Not free-threaded;
 * parts gathered apart are joined with {@link #add(QuantizationError)}.
 */
public final class QuantizationError {

    private long count;
    private double signal;
    private double noise;
    private double product;
    private double storedSignal;
    private double largest;

    /** Adds {@code count} values {@code x} from index {@code from}, stored as {@code y} from index {@code at}. */
    public void add(float[] x, int from, float[] y, int at, int count) {
        for (int i = 0; i < count; i++) {
            double original = x[from + i];
            double stored = y[at + i];
            double error = original - stored;
            signal += original * original;
            storedSignal += stored * stored;
            noise += error * error;
            product += original * stored;
            largest = Math.max(largest, Math.abs(error));
        }
        this.count += count;
    }

    /** Adds what {@code other} has gathered. */
    public void add(QuantizationError other) {
        count += other.count;
        signal += other.signal;
        storedSignal += other.storedSignal;
        noise += other.noise;
        product += other.product;
        largest = Math.max(largest, other.largest);
    }

    /** Values so far. */
    public long count() {
        return count;
    }

    /** Sum of the squares of the original values. */
    public double energy() {
        return signal;
    }

    /** Mean squared error; NaN without values. */
    public double mse() {
        return noise / count;
    }

    /** {@code ||x - y|| / ||x||}: the relative Frobenius norm of the error; 0 if nothing was lost, even of zeros. */
    public double relative() {
        return noise == 0 ? 0 : Math.sqrt(noise / signal);
    }

    /** Signal to quantization noise, {@code 10 log10(sum x^2 / sum e^2)} in dB; infinite without error. */
    public double sqnr() {
        return noise == 0 ? Double.POSITIVE_INFINITY : 10 * Math.log10(signal / noise);
    }

    /** The cosine between the original and the stored values; NaN if one of them is zero. */
    public double cosine() {
        return product / Math.sqrt(signal * storedSignal);
    }

    /** The largest single error. */
    public double largest() {
        return largest;
    }
}
