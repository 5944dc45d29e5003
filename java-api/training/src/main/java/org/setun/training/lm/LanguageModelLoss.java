package org.setun.training.lm;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.setun.nn.DType;
import org.setun.nn.Decoder;
import org.setun.nn.DecoderConfig;
import org.setun.nn.Linear;
import org.setun.nn.LinearObserver;
import org.setun.nn.Tape;
import org.setun.nn.Tensor;
import org.setun.training.config.Curriculum;
import org.setun.training.config.TrainingConfig;
import org.setun.training.data.TokenDataset;
import org.setun.training.loss.LossTerm;
import org.setun.training.loss.LossTerms;
import org.setun.training.loss.LossTerms.Settings;
import org.setun.training.loss.ReasoningSteps;
import org.setun.training.loss.TopKFile;
import org.setun.training.loss.WeightPenalties;

/**
 * What a language model minimizes: cross-entropy, what it owes its teacher, and penalties, as the sections {@code [loss]} and
 * {@code [distillation]} say. Without either it is the plain cross-entropy, bit for bit. A term of weight 0 is not computed.
 */
final class LanguageModelLoss {

    private final TrainingConfig.Loss settings;
    private final Curriculum curriculum;
    private final TrainingConfig.Distillation distillation;
    private final Decoder model;
    private final TokenDataset dataset;
    private final @Nullable Teacher teacher;
    private final @Nullable TopKFile cache;
    private final ReasoningSteps steps;
    private final WeightPenalties penalties;
    private final Set<Linear> penalized;
    private final int hiddenBlock;
    private final int relationBlock;
    private int length;

    /**
     * The loss of a model.
     *
     * @param bytes   of the tokens, by id
     * @param teacher null without distillation, or if its probabilities are in {@code cache}
     * @param cache   null if the teacher runs at each step
     * @throws IllegalArgumentException if the teacher's shape does not allow a term that is asked for
     */
    LanguageModelLoss(TrainingConfig config, Decoder model, TokenDataset dataset, byte[][] bytes, @Nullable Teacher teacher,
            @Nullable TopKFile cache) {
        settings = config.loss();
        curriculum = config.curriculum();
        length = dataset.context();
        distillation = config.distillation();
        this.model = model;
        this.dataset = dataset;
        this.teacher = teacher;
        this.cache = cache;
        steps = new ReasoningSteps(bytes);
        penalties = new WeightPenalties(config.loss(), model, config.scheduleSteps());
        penalized = new HashSet<>(model.linears());
        int block = distillation.block(model.config().layers());
        hiddenBlock = teacher != null && distillation.hidden() > 0 ? block : -1;
        relationBlock = teacher != null && distillation.relation() > 0 ? block : -1;
        if (teacher != null) {
            requireFits(teacher);
        }
    }

    private void requireFits(Teacher whom) {
        DecoderConfig own = model.config();
        DecoderConfig other = whom.decoder().config();
        if (other.context() < dataset.context()) {
            throw new IllegalArgumentException("teacher " + whom.name() + " sees " + other.context() + " tokens, windows have "
                    + dataset.context() + ": lower model.context");
        }
        if (hiddenBlock >= 0 && own.dim() != other.dim()) {
            throw new IllegalArgumentException("distillation.hidden = " + distillation.hidden() + ": teacher " + whom.name()
                    + " has hidden states of " + other.dim() + " values, the student of " + own.dim()
                    + "; make model.dim the same or use distillation.relation, which needs no equal widths");
        }
        for (DecoderConfig config : List.of(own, other)) {
            for (long width : new long[]{(long) config.heads() * config.headDim(), (long) config.kvHeads() * config.headDim()}) {
                if (relationBlock >= 0 && width % distillation.relationHeads() != 0) {
                    throw new IllegalArgumentException("distillation.relation_heads = " + distillation.relationHeads()
                            + ": must divide the widths of queries, keys and values of student and teacher; " + width + " is one of them");
                }
            }
        }
    }

    /** Sets the length of sequences and the choice of windows for {@code step}: a window is cut into sequences that do not see each other. */
    void beginStep(long step) {
        length = curriculum.length(step, dataset.context());
        dataset.easiest(curriculum.share(step));
    }

    /** The terms of some samples of the training order; see {@link org.setun.training.TrainingTask#terms}. */
    List<LossTerm> terms(Tape tape, Tensor ids, Tensor targets, long first, int count, long units) {
        long t = length;
        long sequences = count * dataset.context() / t;
        Teacher.Signals signals = teacher == null
                ? null
                : teacher.run(tape, ids, sequences, t, teacherBlock(hiddenBlock), teacherBlock(relationBlock));
        Observer observer = new Observer(tape, units);
        tape.observe(observer.isIdle() ? null : observer);
        Tensor logits = model.forward(tape, ids, sequences, t);
        tape.observe(null);
        List<LossTerm> terms = new ArrayList<>();
        if (alpha() > 0) {
            add(terms, "cross_entropy", tape.apply(LossTerms.create("cross_entropy", Settings.of(share(alpha(), units))
                    .smoothed((float) settings.labelSmoothing())), logits, targets));
        }
        if (settings.gradient() > 0) {
            add(terms, "gradient",
                    tape.apply(LossTerms.create("gradient", Settings.of(share(settings.gradient(), units))), logits, targets));
        }
        if (signals != null) {
            teach(tape, terms, signals, observer.capture.features(), logits, targets, count, units);
        }
        if (cache != null) {
            teachFromCache(tape, terms, cache, logits, targets, first, count, units);
        }
        observer.addTo(terms);
        return terms;
    }

    private int teacherBlock(int block) {
        return block < 0 || teacher == null ? -1 : distillation.teacherBlock(model.config().layers(), teacher.decoder().config().layers());
    }

    private double alpha() {
        return distillation.enabled() ? distillation.alpha() : 1;
    }

    /** {@code weight / units}; for weight 1 with the rounding of the plain loss. */
    private static float share(double weight, long units) {
        return weight == 1 ? 1f / units : (float) (weight / units);
    }

    private static void add(List<LossTerm> terms, String name, Tensor... values) {
        terms.add(new LossTerm(name, List.of(values)));
    }

    private void teach(Tape tape, List<LossTerm> terms, Teacher.Signals signals, Teacher.Features own, Tensor logits, Tensor targets,
            int count, long units) {
        if (distillation.beta() > 0) {
            Settings distance = Settings.of(share(distillation.beta(), units)).distance(distillation.kind(), distillation.temperature());
            add(terms, "distillation",
                    tape.apply(LossTerms.create("distillation", distance), logits, signals.logits(), counted(tape, targets)));
        }
        if (distillation.gamma() > 0) {
            Settings distance = Settings.of(share(distillation.gamma(), units / dataset.context())).distance(distillation.kind(), 1);
            add(terms, "reasoning", tape.apply(LossTerms.create("reasoning", distance), logits, signals.logits(),
                    stepWeights(tape, targets, count)));
        }
        if (hiddenBlock >= 0) {
            Tensor state = own.hidden().orElseThrow();
            Settings mean = Settings.of((float) (distillation.hidden() / ((double) units * state.columns())));
            add(terms, "hidden", tape.apply(LossTerms.create("hidden", mean), state, signals.features().hidden().orElseThrow()));
        }
        if (relationBlock >= 0) {
            int heads = distillation.relationHeads();
            List<Tensor> students = own.projections();
            Settings mean = Settings.of((float) (distillation.relation() / ((double) units * heads * students.size())))
                    .sequences(count * dataset.context() / length, length, heads);
            Tensor[] values = new Tensor[students.size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = tape.apply(LossTerms.create("relation", mean), students.get(i), signals.features().projections().get(i));
            }
            add(terms, "relation", values);
        }
    }

    private void teachFromCache(Tape tape, List<LossTerm> terms, TopKFile from, Tensor logits, Tensor targets, long first, int count,
            long units) {
        int t = dataset.context();
        long rows = logits.rows();
        int k = from.origin().k();
        Tensor ids = Tensor.allocate(tape.workspace(), DType.I32, rows, k);
        Tensor logs = Tensor.allocate(tape.workspace(), DType.F32, rows, k);
        Tensor rest = Tensor.allocate(tape.workspace(), DType.F32, rows);
        for (int i = 0; i < count; i++) {
            from.read(dataset.trainingStart(first + i), t, (long) i * t, ids, logs, rest);
        }
        if (distillation.beta() > 0) {
            Settings distance = Settings.of(share(distillation.beta(), units)).distance(distillation.kind(), distillation.temperature());
            add(terms, "distillation", tape.apply(LossTerms.create("distillation_top_k", distance), logits, ids, logs, rest,
                    counted(tape, targets)));
        }
        if (distillation.gamma() > 0) {
            Settings distance = Settings.of(share(distillation.gamma(), units / t)).distance(distillation.kind(), 1);
            add(terms, "reasoning", tape.apply(LossTerms.create("distillation_top_k", distance), logits, ids, logs, rest,
                    stepWeights(tape, targets, count)));
        }
    }

    /** 1 where a target counts, else 0. */
    private static Tensor counted(Tape tape, Tensor targets) {
        int[] ids = targets.toIntArray();
        float[] weights = new float[ids.length];
        for (int i = 0; i < ids.length; i++) {
            weights[i] = ids[i] < 0 ? 0 : 1;
        }
        return Tensor.of(tape.workspace(), weights, weights.length);
    }

    /** The weights that make a sum over tokens the mean over reasoning steps, for each window. */
    private Tensor stepWeights(Tape tape, Tensor targets, int count) {
        int t = dataset.context();
        int[] ids = targets.toIntArray();
        float[] weights = new float[ids.length];
        for (int i = 0; i < count; i++) {
            System.arraycopy(steps.weights(Arrays.copyOfRange(ids, i * t, (i + 1) * t)), 0, weights, i * t, t);
        }
        return Tensor.of(tape.workspace(), weights, weights.length);
    }

    /** The penalties of the weights; see {@link org.setun.training.TrainingTask#penalties}. */
    void penalties(Tape tape, long step, Consumer<LossTerm> each) {
        penalties.run(tape, step, each);
    }

    /** Sees the student's layers during its forward pass: states for the teacher's terms, inputs for the penalties of activations. */
    private final class Observer implements LinearObserver {

        private final Tape tape;
        private final long units;
        private final Teacher.Capture capture = new Teacher.Capture(hiddenBlock, relationBlock);
        private final List<Tensor> squares = new ArrayList<>();
        private final List<Tensor> changes = new ArrayList<>();

        Observer(Tape tape, long units) {
            this.tape = tape;
            this.units = units;
        }

        boolean isIdle() {
            return hiddenBlock < 0 && relationBlock < 0 && settings.activation() == 0 && settings.smoothness() == 0;
        }

        /** A term is the mean over the layers of the means over their inputs. */
        @Override
        public void observe(List<? extends Linear> layers, Tensor x) {
            long counted = layers.stream().filter(penalized::contains).count();
            if (counted == 0) {
                return;
            }
            double mean = (double) counted / penalized.size() / ((double) units * x.columns());
            if (settings.activation() > 0) {
                squares.add(tape.apply(LossTerms.create("activation", Settings.of((float) (settings.activation() * mean))), x));
            }
            if (settings.smoothness() > 0) {
                changes.add(tape.apply(LossTerms.create("smoothness", Settings.of((float) (settings.smoothness() * mean))
                        .sequences(1, length, 1)), x));
            }
        }

        @Override
        public void observeOutputs(List<? extends Linear> layers, Tensor[] results) {
            capture.observeOutputs(layers, results);
        }

        void addTo(List<LossTerm> terms) {
            if (!squares.isEmpty()) {
                terms.add(new LossTerm("activation", squares));
            }
            if (!changes.isEmpty()) {
                terms.add(new LossTerm("smoothness", changes));
            }
        }
    }

    /** The terms' cross-entropy alone, without a teacher or penalties. */
    static LanguageModelLoss plain(Decoder model, TokenDataset dataset) {
        return new LanguageModelLoss(TrainingConfig.defaults(), model, dataset, new byte[0][], null, null);
    }

}
