package org.setun.cli.study.qat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class ResultFolderTest {

    @TempDir
    Path folder;

    private ResultFolder<LanguageRun> open(String tokens) throws IOException {
        return ResultFolder.open(folder, Map.of("tokens", tokens), LanguageRun.class);
    }

    @Test
    void whatIsKeptIsFoundAgainFiguresThatAreNoneIncluded() throws IOException {
        LanguageRun run = new LanguageRun("ternary", 0.002, 1, 10, 100, 5, 10, 2.5, Double.NaN, 80, List.of(
                new LanguageRun.Evaluation(5, 3, Double.NaN), new LanguageRun.Evaluation(10, 2.5, 1.1)), 1.5, "done", "cpu");
        assertThat(open("5").find("a")).isEmpty();
        open("5").keep("a", run);
        assertThat(open("5").find("a")).contains(run);
        assertThat(open("5").find("b")).isEmpty();
    }

    @Test
    void resultsOfOtherSettingsAreNotMixed() throws IOException {
        open("5");
        assertThatIllegalArgumentException().isThrownBy(() -> open("6")).withMessageContaining("tokens = 5, not 6")
                .withMessageContaining("--out");
    }

    @Test
    void aDamagedResultIsNamed() throws IOException {
        open("5");
        Files.writeString(folder.resolve("results/a.json"), "{\"arm\":");
        assertThatIllegalArgumentException().isThrownBy(() -> open("5").find("a")).withMessageContaining("a.json")
                .withMessageContaining("delete it");
        Files.writeString(folder.resolve("results/b.json"), "{\"arm\":\"x\",\"what\":1}");
        assertThatIllegalArgumentException().isThrownBy(() -> open("5").find("b")).withMessageContaining("what");
    }
}
