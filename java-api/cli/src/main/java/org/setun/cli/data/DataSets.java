package org.setun.cli.data;

import java.net.URI;
import java.util.List;
import java.util.stream.Collectors;

/** The data sets that {@code setun data get} knows. Hashes are of the files as stored, after unpacking. */
public final class DataSets {

    /** One file: where from, how it is packed, and the SHA-256 of its unpacked bytes. */
    public record Entry(URI source, boolean gzip, String file, String sha256) {
    }

    /** A named group of files. */
    public record DataSet(String name, String description, List<Entry> entries) {
    }

    private static final String MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/";
    private static final String WIKITEXT = "https://raw.githubusercontent.com/pytorch/examples/main/word_language_model/data/wikitext-2/";
    private static final String STORIES = "https://huggingface.co/karpathy/tinyllamas/resolve/main/stories260K/";

    private static final List<DataSet> ALL = List.of(
            new DataSet("mnist", "handwritten digits, 60,000 + 10,000 images (LeCun, Cortes, Burges; CC BY-SA 3.0)", List.of(
                    gzip(MNIST, "train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
                    gzip(MNIST, "train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
                    gzip(MNIST, "t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
                    gzip(MNIST, "t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"))),
            new DataSet("wikitext-2", "WikiText-2, tokenised form, train and valid (Merity et al. 2016; CC BY-SA 3.0)", List.of(
                    plain(WIKITEXT, "train.txt", "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f"),
                    plain(WIKITEXT, "valid.txt", "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8"))),
            new DataSet("stories260k", "a 260K-parameter llama2.c model of TinyStories and its tokenizer (MIT)", List.of(
                    plain(STORIES, "stories260K.bin", "b0a507e7ad0f626624f17112325e66691f9076d622e1d3274d103d00299f2696"),
                    plain(STORIES, "tok512.bin", "037cb335abb25d1fa9e8ecae30ed2a3a8ace9302862ebcdc05d51a6bbb10c312"))));

    private DataSets() {
    }

    /** The data set of a name; an unknown name is an {@link IllegalArgumentException} that lists the known ones. */
    public static DataSet named(String name) {
        return ALL.stream().filter(set -> set.name().equals(name)).findFirst().orElseThrow(() -> new IllegalArgumentException(
                "unknown data set '" + name + "'; known: " + ALL.stream().map(DataSet::name).collect(Collectors.joining(", "))));
    }

    private static Entry gzip(String base, String file, String sha256) {
        return new Entry(URI.create(base + file + ".gz"), true, file, sha256);
    }

    private static Entry plain(String base, String file, String sha256) {
        return new Entry(URI.create(base + file), false, file, sha256);
    }
}
