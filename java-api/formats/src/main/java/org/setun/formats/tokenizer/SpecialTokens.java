package org.setun.formats.tokenizer;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/** Finds added and control tokens in text: the leftmost, and of those at one place the longest. */
final class SpecialTokens {

    private final Map<Character, List<Special>> byFirst = new HashMap<>();

    private record Special(String text, int id, boolean always) {
    }

    SpecialTokens(Vocabulary vocabulary) {
        for (int id = 0; id < vocabulary.size(); id++) {
            TokenKind kind = vocabulary.kind(id);
            String text = vocabulary.token(id);
            boolean control = kind == TokenKind.CONTROL || kind == TokenKind.UNKNOWN;
            if (!text.isEmpty() && (control || kind == TokenKind.USER_DEFINED)) {
                byFirst.computeIfAbsent(text.charAt(0), _ -> new ArrayList<>()).add(new Special(text, id, !control));
            }
        }
        byFirst.values().forEach(list -> list.sort(Comparator.comparingInt((Special special) -> special.text().length()).reversed()));
    }

    /** Hands the ordinary stretches of {@code text} to {@code plain} and the special tokens between them to {@code special}, in order. */
    void split(String text, boolean control, PreTokenizer.Pieces plain, IntConsumer special) {
        int done = 0;
        int at = 0;
        while (at < text.length() && !byFirst.isEmpty()) {
            @Nullable
            Special found = find(text, at, control);
            if (found == null) {
                at++;
                continue;
            }
            if (at > done) {
                plain.piece(done, at);
            }
            special.accept(found.id());
            at += found.text().length();
            done = at;
        }
        if (text.length() > done) {
            plain.piece(done, text.length());
        }
    }

    private @Nullable Special find(String text, int at, boolean control) {
        for (Special special : byFirst.getOrDefault(text.charAt(at), List.of())) {
            if ((control || special.always()) && text.startsWith(special.text(), at)) {
                return special;
            }
        }
        return null;
    }
}
