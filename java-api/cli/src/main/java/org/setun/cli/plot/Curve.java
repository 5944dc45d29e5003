package org.setun.cli.plot;

/**
 * A named line of points.
 *
 * @param x abscissas, rising
 * @param y ordinates, as many as {@code x}
 */
public record Curve(String name, double[] x, double[] y) {

    public Curve {
        if (x.length != y.length) {
            throw new IllegalArgumentException("curve '" + name + "' has " + x.length + " x values but " + y.length + " y values");
        }
    }
}
