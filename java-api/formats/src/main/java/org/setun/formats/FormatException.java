package org.setun.formats;

/**
 * A file is not what its format demands: truncated, damaged, hostile, or of a kind that is not supported.
 *
 * <p>
 * Unchecked, because such a fault can show up long after the file was opened (a missing metadata key, for instance) and no caller can
 * repair it in place. Failures of the device itself (no such file, no permission, disk full) stay {@link java.io.IOException}s. The message
 * has everything: file, byte offset, field, what is wrong and what to do.
 */
public final class FormatException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** The {@link #offset()} of a fault that has no place in the file. */
    public static final long NO_OFFSET = -1;

    private final String file;
    private final long offset;
    private final String field;
    private final String remedy;

    /**
     * @param file the file's name as the user knows it
     * @param offset byte offset of the fault, or {@link #NO_OFFSET}
     * @param field the field or entry at fault
     * @param problem what was found and what is allowed
     * @param remedy what the user can do; may be empty
     */
    public FormatException(String file, long offset, String field, String problem, String remedy) {
        super(file + (offset >= 0 ? ", byte " + offset : "") + ", " + field + ": " + problem
                + (remedy.isEmpty() ? "" : " (" + remedy + ")"));
        this.file = file;
        this.offset = offset;
        this.field = field;
        this.remedy = remedy;
    }

    /** As the other constructor, with the exception that revealed the fault. */
    public FormatException(String file, long offset, String field, String problem, String remedy, Throwable cause) {
        this(file, offset, field, problem, remedy);
        initCause(cause);
    }

    /** The file's name. */
    public String file() {
        return file;
    }

    /** The byte offset of the fault, or {@link #NO_OFFSET}. */
    public long offset() {
        return offset;
    }

    /** The field or entry at fault. */
    public String field() {
        return field;
    }

    /** What to do about it; may be empty. */
    public String remedy() {
        return remedy;
    }
}
