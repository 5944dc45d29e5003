package org.setun.inference;

import java.util.List;

/**
 * Finds the first stop string in streamed text. Text that may be the start of a stop string is held back until the next pieces decide, so
 * that no character of a stop string is ever handed out.
 */
final class StopMatcher {

    private final List<String> stops;
    private final StringBuilder held = new StringBuilder();
    private boolean stopped;

    StopMatcher(List<String> stops) {
        if (stops.stream().anyMatch(String::isEmpty)) {
            throw new IllegalArgumentException("stop strings must not be empty");
        }
        this.stops = List.copyOf(stops);
    }

    /** Adds a piece; returns the text that may be shown now. */
    String append(String piece) {
        if (stopped) {
            return "";
        }
        held.append(piece);
        int end = firstStop();
        stopped = end >= 0;
        return release(stopped ? end : held.length() - longestOpenStart());
    }

    /** Whether a stop string was seen; no text follows. */
    boolean stopped() {
        return stopped;
    }

    /** The text held back, when no more pieces come. */
    String finish() {
        return stopped ? "" : release(held.length());
    }

    private int firstStop() {
        int first = -1;
        for (String stop : stops) {
            int at = held.indexOf(stop);
            if (at >= 0 && (first < 0 || at < first)) {
                first = at;
            }
        }
        return first;
    }

    /** Length of the longest end of the held text with which a stop string begins. */
    private int longestOpenStart() {
        int longest = 0;
        for (String stop : stops) {
            for (int length = Math.min(stop.length() - 1, held.length()); length > longest; length--) {
                if (stop.startsWith(held.substring(held.length() - length))) {
                    longest = length;
                }
            }
        }
        return longest;
    }

    private String release(int end) {
        String text = held.substring(0, end);
        held.delete(0, end);
        return text;
    }
}
