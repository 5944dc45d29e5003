/* The formats: BLOCK_FORMATS(F) is F(Q4_0, q4_0) and so on for each of them. A new one is a line here, a header of its own, and a constant in
 * setun/blockquant.h. */
#ifndef SETUN_BLOCKQUANT_LIST_H
#define SETUN_BLOCKQUANT_LIST_H

#define BLOCK_FORMATS(F)                                                                     \
    F(Q4_0, q4_0) F(Q8_0, q8_0) F(Q2_K, q2_k) F(Q3_K, q3_k) F(Q4_K, q4_k) F(Q5_K, q5_k) F(Q6_K, q6_k) \
    F(E8P_2, e8p_2) F(E8P_3, e8p_3) F(E8P_4, e8p_4)                                          \
    F(PI_Q2, pi_q2) F(PI_Q3, pi_q3) F(PI_TAN2, pi_tan2) F(PI_TAN3, pi_tan3)

/* Their order in tables. */
#define BLOCK_INDEX(NAME, name) BLOCK_INDEX_##NAME,
enum { BLOCK_FORMATS(BLOCK_INDEX) BLOCK_FORMAT_COUNT };

#endif
