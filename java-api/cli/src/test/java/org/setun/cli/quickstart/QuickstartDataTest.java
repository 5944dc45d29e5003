package org.setun.cli.quickstart;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

class QuickstartDataTest {

    private final Properties before = (Properties) System.getProperties().clone();

    @TempDir
    Path folder;

    @AfterEach
    void restore() {
        System.setProperties(before);
    }

    @Test
    void theJdksOwnSourcesComeFirst() throws Exception {
        Path zip = Files.createDirectories(folder.resolve("lib")).resolve("src.zip");
        Files.writeString(zip, "");
        System.setProperty("java.home", folder.toString());
        assertThat(QuickstartData.choose(null).path()).isEqualTo(zip);
    }

    @Test
    void withoutThemTheProjectsOwnAndItSaysSo() {
        System.setProperty("java.home", folder.toString());
        System.setProperty("setun.home", folder.toString());
        QuickstartData data = QuickstartData.choose(null);
        assertThat(data.path()).isEqualTo(folder.resolve("java-api"));
        assertThat(data.what()).contains("no src.zip");
    }

    @Test
    void withNeitherItAsksForData() {
        System.setProperty("java.home", folder.toString());
        System.clearProperty("setun.home");
        assertThatIllegalArgumentException().isThrownBy(() -> QuickstartData.choose(null)).withMessageContaining("--data");
    }

    @Test
    void whatTheUserNamesWins() {
        assertThat(QuickstartData.choose(folder).path()).isEqualTo(folder);
        assertThatIllegalArgumentException().isThrownBy(() -> QuickstartData.choose(folder.resolve("none"))).withMessageContaining("none");
    }
}
