package org.setun.formats.tokenizer;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The tokens of a tokenizer by id. Immutable.
 *
 * <p>
 * Texts are kept as vocabulary files have them: in GPT-2's byte alphabet for byte-level BPE, with {@code ▁} for the space in SentencePiece.
 * Where two ids have one text, the later id is found by {@link #id}, as in llama.cpp.
 */
public final class Vocabulary {

    private final List<String> tokens;
    private final List<TokenKind> kinds;
    private final Markers markers;
    private final Map<String, Integer> ids;

    /**
     * @param tokens the text of each id, at least one
     * @param kinds the kind of each id
     * @param markers the ids with a role
     * @throws IllegalArgumentException if the sizes differ or a marker is outside
     */
    public Vocabulary(List<String> tokens, List<TokenKind> kinds, Markers markers) {
        if (tokens.isEmpty() || tokens.size() != kinds.size()) {
            throw new IllegalArgumentException("tokens = " + tokens.size() + ", kinds = " + kinds.size()
                    + ", allowed is one kind per token");
        }
        this.tokens = List.copyOf(tokens);
        this.kinds = List.copyOf(kinds);
        this.markers = markers.checked(tokens.size());
        this.ids = HashMap.newHashMap(tokens.size());
        for (int id = 0; id < tokens.size(); id++) {
            ids.put(tokens.get(id), id);
        }
    }

    /** How many tokens there are. */
    public int size() {
        return tokens.size();
    }

    /** All texts by id. */
    public List<String> tokens() {
        return tokens;
    }

    /** All kinds by id. */
    public List<TokenKind> kinds() {
        return kinds;
    }

    /** The ids with a role. */
    public Markers markers() {
        return markers;
    }

    /**
     * The text of {@code id}.
     *
     * @throws IllegalArgumentException if there is no such id
     */
    public String token(int id) {
        return tokens.get(checked(id));
    }

    /** The kind of {@code id}, as {@link #token}. */
    public TokenKind kind(int id) {
        return kinds.get(checked(id));
    }

    /** The id of a text, or {@link Markers#NONE}. */
    public int id(String token) {
        return ids.getOrDefault(token, Markers.NONE);
    }

    private int checked(int id) {
        if (id < 0 || id >= tokens.size()) {
            throw new IllegalArgumentException("id = " + id + ", allowed is 0 to " + (tokens.size() - 1));
        }
        return id;
    }
}
