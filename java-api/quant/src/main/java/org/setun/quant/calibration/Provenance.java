package org.setun.quant.calibration;

import java.util.List;

/**
 * Where the numbers of a calibration come from.
 *
 * @param model     the model's file
 * @param data      the files of text
 * @param domains   what was taken of them
 * @param seed      of the choice of samples
 * @param context   most tokens per sequence
 * @param fisher    labels of the Fisher information
 * @param target    the format that the calibration was made for, as the user named it; may be empty
 * @param timestamp when, ISO 8601 in UTC
 */
public record Provenance(Source model, List<Source> data, List<Domain> domains, long seed, int context, FisherLabels fisher, String target,
        String timestamp) {

    /**
     * A file.
     *
     * @param domain of a data set; empty for the model
     * @param file   its name, without the folder
     * @param sha256 of its bytes as they lie on disk, hexadecimal
     */
    public record Source(String domain, String file, String sha256) {

        private static final int HEX_DIGITS = 64;

        public Source {
            if (sha256.length() != HEX_DIGITS || !sha256.chars().allMatch(c -> Character.digit(c, 16) >= 0)) {
                throw new IllegalArgumentException("sha256 of " + file + " = '" + sha256 + "' must be 64 hexadecimal digits");
            }
        }
    }

    /**
     * What was taken of a domain.
     *
     * @param domain    its label
     * @param samples   sequences
     * @param available samples that its files have
     * @param tokens    of all the sequences
     */
    public record Domain(String domain, int samples, long available, long tokens) {

        public Domain {
            if (samples < 1 || available < samples || tokens < 0) {
                throw new IllegalArgumentException(domain + ": " + samples + " samples of " + available + " with " + tokens
                        + " tokens must be positive and no more than there are");
            }
        }
    }

    /** The same at another time. */
    public Provenance at(String time) {
        return new Provenance(model, data, domains, seed, context, fisher, target, time);
    }

    /** Copies the lists. */
    public Provenance {
        data = List.copyOf(data);
        domains = List.copyOf(domains);
    }
}
