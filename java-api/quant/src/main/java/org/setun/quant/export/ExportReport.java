package org.setun.quant.export;

import java.nio.file.Path;
import java.util.List;

/**
 * What was written.
 *
 * @param file the file
 * @param architecture {@code general.architecture}
 * @param bytes its size
 * @param scaleError the greatest relative error of a stored scale; 0 if they are exact
 * @param warnings what the user should know, such as which engines read the file rightly
 */
public record ExportReport(Path file, String architecture, long bytes, double scaleError, List<String> warnings) {

    public ExportReport {
        warnings = List.copyOf(warnings);
    }
}
