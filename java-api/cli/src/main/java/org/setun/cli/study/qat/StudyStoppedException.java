package org.setun.cli.study.qat;

/** A study was asked to end before all its runs were done; the same command goes on from there. */
public final class StudyStoppedException extends RuntimeException {

    private static final long serialVersionUID = 1;

    StudyStoppedException(String reason) {
        super(reason);
    }
}
