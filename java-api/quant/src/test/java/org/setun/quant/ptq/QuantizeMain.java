package org.setun.quant.ptq;

import java.io.IOException;
import java.nio.file.Path;
import org.setun.kernels.reference.ReferenceBackend;
import org.setun.quant.format.WeightFormats;

/** Runs one job in a process of its own, for tests that kill it or give it little memory. Arguments: input, output, format, threads. */
final class QuantizeMain {

    private QuantizeMain() {
    }

    public static void main(String[] arguments) throws IOException {
        try (ReferenceBackend backend = new ReferenceBackend();
                QuantizeJob job = QuantizeJob.open(Path.of(arguments[0]), null,
                        QuantizeOptions.of(WeightFormats.parse(arguments[2])), backend)) {
            QuantizeReport report = job.run(Path.of(arguments[1]), Integer.parseInt(arguments[3]), (step, done, total) -> {
                if (!step.startsWith("hash")) {
                    System.out.println(step + " " + done + " of " + total);
                }
            });
            System.out.println("resumed " + report.resumed());
        }
    }
}
