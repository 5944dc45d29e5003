package org.setun.conformance;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.examples.BasicQatTraining;
import org.setun.examples.BitLinearIntegration;
import org.setun.examples.PlainApi;

import static org.assertj.core.api.Assertions.assertThat;

/** Every example of the documentation runs and prints what it should. */
class ExamplesTest {

    private interface Program {
        void run() throws Exception;
    }

    @Test
    void plainApi() throws Exception {
        assertThat(output(() -> PlainApi.main(new String[0]))).contains("33792 bytes as TQ2_0");
    }

    @Test
    void bitLinearIntegrationLearns() throws Exception {
        Matcher losses = Pattern.compile("loss (\\S+)").matcher(output(() -> BitLinearIntegration.main(new String[0])));
        assertThat(losses.find()).isTrue();
        double first = Double.parseDouble(losses.group(1));
        double last = first;
        while (losses.find()) {
            last = Double.parseDouble(losses.group(1));
        }
        assertThat(last).isLessThan(0.7 * first);
    }

    @Test
    void basicQatTrainingWritesAModelThatGenerates(@TempDir Path folder) throws Exception {
        Path text = Files.createDirectory(folder.resolve("text"));
        for (int i = 0; i < 12; i++) {
            Files.writeString(text.resolve(i + ".txt"), "the cat sat on the mat and the dog lay on the log\n".repeat(30));
        }
        Path model = folder.resolve("model.gguf");
        String output = output(() -> BasicQatTraining.main(new String[]{text.toString(), model.toString(), "30"}));
        assertThat(output).contains("bits per byte after 30 steps").contains("the model continues");
        assertThat(model).exists();
    }

    private static String output(Program program) throws Exception {
        PrintStream before = System.out;
        ByteArrayOutputStream captured = new ByteArrayOutputStream();
        System.setOut(new PrintStream(captured, true, StandardCharsets.UTF_8));
        try {
            program.run();
        } finally {
            System.setOut(before);
        }
        return captured.toString(StandardCharsets.UTF_8);
    }
}
