package org.setun.cli.study;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.setun.kernels.Backend;
import org.setun.quant.format.WeightFormats;

/** All rows of a study of pi, as tables and for a program to read. */
public final class PiReport {

    private final List<PiStudy.DistributionRow> distributions;
    private final List<PiStudy.ModelRow> models;

    private PiReport(List<PiStudy.DistributionRow> distributions, List<PiStudy.ModelRow> models) {
        this.distributions = distributions;
        this.models = models;
    }

    /**
     * Runs the study.
     *
     * @param others   names of formats for the models' tables
     * @param samples  values of each distribution and seed
     * @param progress receives what is being done
     */
    public static PiReport run(List<StudyOptions.Language> models, List<StudyOptions.Classifier> classifiers, List<String> others,
            int samples, int seeds,
            int maxTokens, int window, Backend backend, Consumer<String> progress) throws IOException {
        List<Arm> arms = new ArrayList<>();
        for (String other : others) {
            arms.add(Arm.of(other, (int) WeightFormats.parse(other).bitsPerWeight()));
        }
        List<PiStudy.ModelRow> rows = new ArrayList<>();
        for (StudyOptions.Language model : models) {
            try (Subject subject = LanguageSubject.open(model.model, model.tokenizer, model.text, maxTokens, window, backend)) {
                rows.addAll(PiStudy.model(subject, arms, progress));
            }
        }
        for (StudyOptions.Classifier classifier : classifiers) {
            try (Subject subject = MlpSubject.open(classifier.manifest, classifier.images, classifier.labels)) {
                rows.addAll(PiStudy.model(subject, arms, progress));
            }
        }
        return new PiReport(PiStudy.distributions(samples, seeds, progress), rows);
    }

    /** Mean squared errors on known distributions. */
    @JsonProperty
    List<PiStudy.DistributionRow> distributions() {
        return distributions;
    }

    /** Arms on models. */
    @JsonProperty
    List<PiStudy.ModelRow> models() {
        return models;
    }

    /** All tables. */
    public String markdown() {
        return StudyTables.distributions(distributions) + StudyTables.models(models);
    }
}
