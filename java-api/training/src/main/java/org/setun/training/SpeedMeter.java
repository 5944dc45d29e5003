package org.setun.training;

/** Times of steps and means of losses, over the whole run and since the last report. */
final class SpeedMeter {

    private final long unitsPerSample;
    private final long created = System.nanoTime();
    private long began;
    private long nanos;
    private long units;
    private long steps;
    private long intervalNanos;
    private long intervalUnits;
    private long intervalSteps;
    private double lossSum;
    private long lossCount;
    private double norm = Double.NaN;

    SpeedMeter(long unitsPerSample) {
        this.unitsPerSample = unitsPerSample;
    }

    void begin() {
        began = System.nanoTime();
    }

    void end(long samples) {
        long spent = System.nanoTime() - began;
        nanos += spent;
        intervalNanos += spent;
        units += samples * unitsPerSample;
        intervalUnits += samples * unitsPerSample;
        steps++;
        intervalSteps++;
    }

    void loss(double loss, double gradientNorm) {
        lossSum += loss;
        lossCount++;
        norm = gradientNorm;
    }

    void startInterval() {
        intervalNanos = 0;
        intervalUnits = 0;
        intervalSteps = 0;
        lossSum = 0;
        lossCount = 0;
    }

    double meanLoss() {
        return lossCount == 0 ? Double.NaN : lossSum / lossCount;
    }

    double lastNorm() {
        return norm;
    }

    double recentUnitsPerSecond() {
        return perSecond(intervalUnits, intervalNanos);
    }

    double averageUnitsPerSecond() {
        return perSecond(units, nanos);
    }

    /** Mean over the present interval, or over the run before the first step of an interval. */
    double secondsPerStep() {
        return intervalSteps > 0 ? intervalNanos / 1e9 / intervalSteps : steps > 0 ? nanos / 1e9 / steps : Double.NaN;
    }

    /** Since the meter was made, evaluation and saving included. */
    double totalSeconds() {
        return (System.nanoTime() - created) / 1e9;
    }

    private static double perSecond(long units, long nanos) {
        return nanos == 0 ? 0 : units * 1e9 / nanos;
    }
}
