package org.setun.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.setun.cli.inspect.Printable;
import org.setun.formats.gguf.GgmlType;
import org.setun.formats.gguf.GgufWriter;

import static org.assertj.core.api.Assertions.assertThat;

/** Wrong input ends with exit code 2 and one line that names what is wrong. */
class FailuresTest {

    @TempDir
    Path folder;

    private record Ended(int code, String out, String err) {
    }

    private static Ended run(String... args) {
        PrintStream out = System.out;
        PrintStream err = System.err;
        ByteArrayOutputStream outBytes = new ByteArrayOutputStream();
        ByteArrayOutputStream errBytes = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(outBytes, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(errBytes, true, StandardCharsets.UTF_8));
            int code = Main.run(args);
            return new Ended(code, outBytes.toString(StandardCharsets.UTF_8), errBytes.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    private static void assertRefused(Ended ended, String message) {
        assertThat(ended.err()).contains(message).doesNotContain("\tat ");
        assertThat(ended.out()).isEmpty();
        assertThat(ended.code()).isEqualTo(2);
    }

    @Test
    void aMissingFileIsNamed() {
        assertRefused(run("inspect", folder.resolve("none.gguf").toString(), "--json"), "no such file: " + folder.resolve("none.gguf"));
    }

    @Test
    void aFileThatIsNoModelIsNamed() throws IOException {
        Path file = Files.writeString(folder.resolve("text.gguf"), "This is no model, but it is long enough for a header.");
        assertRefused(run("inspect", file.toString(), "--json"), "text.gguf");
    }

    /** Names in a file are a stranger's text: on their way to a terminal they neither clear it nor write lines of their own. */
    @Test
    void namesInFilesDoNotDriveTheTerminal() throws IOException {
        String hostile = "\u001b[2J\u009b\u202e\nsetun: all is well";
        Path file = folder.resolve("model.gguf");
        new GgufWriter("other").uint32("other.block_count", 1).string("general.name" + hostile, hostile)
                .tensor("blk.0.ffn_up.weight", GgmlType.F32, new long[]{2, 256}, MemorySegment.ofArray(new float[512]))
                .tensor(hostile, GgmlType.F32, new long[]{8}, MemorySegment.ofArray(new float[8])).write(file);
        Path bad = folder.resolve("bad.gguf");
        new GgufWriter("other")
                .tensor(hostile, GgmlType.F32, new long[]{1}, MemorySegment.ofArray(new float[]{Float.NaN})).write(bad);
        String output = folder.resolve("out.gguf").toString();
        for (String[] command : new String[][]{{"inspect", file.toString(), "--tensors", "--errors"},
                {"quantize", "--input", file.toString(), "--output", output, "--format", "q2_k", "--dry-run"},
                {"quantize", "--input", file.toString(), "--output", output, "--format", "q2_k"},
                {"inspect", output, "--against", file.toString()},
                {"quantize", "--input", bad.toString(), "--output", folder.resolve("bad").toString(), "--format", "q8_0"}}) {
            Ended ended = run(command);
            assertThat(ended.out() + ended.err()).as(String.join(" ", command)).contains("setun: all is well")
                    .doesNotContain("\u001b", "\u009b", "\u202e", "\nsetun: all").contains("\\u001b[2J\\u009b\\u202e\\u000a");
        }
    }

    @Test
    void aFaultOfTheProgramKeepsItsLines() {
        assertThat(Printable.lines("cannot load\nWhat to do:\u001b[0m")).isEqualTo("cannot load\nWhat to do:\\u001b[0m");
        assertThat(Printable.of("größer 語 \ud83d\ude00")).isEqualTo("größer 語 \ud83d\ude00");
    }

    @Test
    void textThatIsNotUtf8IsNamed() throws IOException {
        Path file = Files.write(folder.resolve("latin1.txt"), new byte[]{'a', (byte) 0xE4, 'b'});
        assertRefused(run("eval", "any.gguf", file.toString()), "latin1.txt is not UTF-8");
    }

    @Test
    void anEarlierTwinIsNamedBeforeTheFirstModelIsTrained() throws IOException {
        Files.createDirectories(folder.resolve("fp32/step-00000100"));
        String[] train = {"train", "--set", "training.twin=true", "--set", "checkpoint.folder=\"" + folder + "\"", "--set",
                "data.paths=none"};
        assertRefused(run(train), "holds the twin of an earlier run");
        Files.delete(folder.resolve("fp32/step-00000100"));
        assertRefused(run(train), "data path none: no such file");
    }

    @Test
    void anUnknownOptionIsNamed() {
        assertRefused(run("generate", "any.gguf", "--tempratur", "1"), "--tempratur");
    }

    @Test
    void aFolderInPlaceOfAFileIsNamed() throws IOException {
        Path text = Files.writeString(folder.resolve("text.txt"), "the cat");
        assertRefused(run("generate", folder.toString()), folder + " is a folder");
        assertRefused(run("eval", folder.toString(), text.toString()), folder + " is a folder");
        assertRefused(run("eval", "none.gguf", folder.toString()), folder + " is a folder");
        assertRefused(run("train", folder.toString()), folder + " is a folder");
    }

    @Test
    void aModelInPlaceOfAConfigurationIsNamed() throws IOException {
        Path model = Files.write(folder.resolve("model.gguf"), new byte[]{'G', 'G', 'U', 'F', (byte) 0xff, (byte) 0xfe});
        assertRefused(run("train", model.toString()), model + ": is not UTF-8 text");
    }

    @Test
    void exportSaysWhichFolderIsACheckpoint() throws IOException {
        Path run = Files.createDirectories(folder.resolve("run"));
        Path newest = Files.createDirectories(run.resolve("step-00000100"));
        Files.createDirectories(run.resolve("step-00000050"));
        Path target = folder.resolve("model.gguf");
        assertRefused(run("export", run.toString(), target.toString()), "the newest is " + newest);
        assertRefused(run("export", folder.resolve("none").toString(), target.toString()), "no such file: " + folder.resolve("none"));
        Path file = Files.writeString(folder.resolve("file"), "");
        assertRefused(run("export", file.toString(), target.toString()), file + " is not a folder");
        assertRefused(run("export", newest.toString(), folder.resolve("none/model.gguf").toString()),
                "no such file: " + folder.resolve("none"));
    }

    @Test
    void resumingNothingIsSaid() {
        assertRefused(run("train", "--resume"), "checkpoint.folder is empty");
        String[] train = {"train", "--resume", "--set", "checkpoint.folder=\"" + folder + "\"", "--set", "data.paths=none"};
        assertRefused(run(train), "no checkpoint in " + folder.resolve("ternary") + "; starting anew");
    }
}
