package org.setun.cli;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** What the libraries log reads as the command's own words. */
class LoggingTest {

    private static final System.Logger LOG = System.getLogger("org.setun.kernels");

    @Test
    void aRecordIsOneLineWithoutTimeOrClass() {
        assertThat(logged(() -> LOG.log(Level.INFO, "backend {0}: {1}", "cpu", "found"))).isEqualTo("setun: backend cpu: found\n");
        assertThat(logged(() -> LOG.log(Level.WARNING, "slow"))).isEqualTo("setun: warning: slow\n");
        assertThat(logged(() -> LOG.log(Level.ERROR, "lost"))).isEqualTo("setun: error: lost\n");
        assertThat(logged(() -> LOG.log(Level.DEBUG, "detail"))).isEmpty();
    }

    @Test
    void theOriginOfALeakIsShown() {
        String text = logged(() -> LOG.log(Level.WARNING, "leak", new IllegalStateException("allocated here")));
        assertThat(text).startsWith("setun: warning: leak\n").contains("allocated here").contains("LoggingTest");
    }

    private static String logged(Runnable action) {
        PrintStream err = System.err;
        ByteArrayOutputStream captured = new ByteArrayOutputStream();
        System.setErr(new PrintStream(captured, true, StandardCharsets.UTF_8));
        try {
            Logging.configure();
            action.run();
        } finally {
            System.setErr(err);
        }
        return captured.toString(StandardCharsets.UTF_8).replace(System.lineSeparator(), "\n");
    }
}
