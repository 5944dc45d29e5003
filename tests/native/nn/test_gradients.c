/* Backward kernels against central differences of the forward formulas in double, on every tier. */
#include "harness.h"

enum { ROWS = 3, D = 21, VALUES = ROWS * D };

/* L(inputs) in double; the inputs are what the gradients below belong to. */
typedef struct inputs {
    float *x, *w, *dy;
    int32_t *targets;
    int kind;
} inputs;

typedef double (*loss_function)(const inputs *in);

static double rmsnorm_loss(const inputs *in) {
    double loss = 0;
    for (int i = 0; i < ROWS; i++) {
        double squares = 0;
        for (int j = 0; j < D; j++) {
            squares += (double)in->x[i * D + j] * in->x[i * D + j];
        }
        for (int j = 0; j < D; j++) {
            loss += (double)in->dy[i * D + j] * in->x[i * D + j] * in->w[j] / sqrt(squares / D + (double)1e-5f);
        }
    }
    return loss;
}

/* w holds the up values. */
static double glu_loss(const inputs *in) {
    double loss = 0;
    for (int i = 0; i < VALUES; i++) {
        double g = in->x[i], positive = fmax(g, 0);
        loss += in->dy[i] * (in->kind == SETUN_GLU_SILU ? g / (1 + exp(-g)) : positive * positive) * in->w[i];
    }
    return loss;
}

static double cross_entropy_loss(const inputs *in) {
    double loss = 0;
    for (int i = 0; i < ROWS; i++) {
        double sum = 0;
        for (int j = 0; j < D; j++) {
            sum += exp(in->x[i * D + j]);
        }
        loss += in->targets[i] < 0 ? 0 : log(sum) - in->x[i * D + in->targets[i]];
    }
    return loss;
}

static void check_all(const char *what, loss_function loss, const inputs *in, float *value, const float *gradient, int count) {
    for (int i = 0; i < count; i++) {
        const float keep = value[i], h = 0x1p-8f;
        volatile float high = keep + h, low = keep - h;
        value[i] = high;
        double difference = loss(in);
        value[i] = low;
        difference -= loss(in);
        value[i] = keep;
        test_near(what, i, gradient[i], difference / ((double)high - (double)low), 2e-4 * (1 + fabs((double)gradient[i])));
    }
}

static void gradients_case(setun_context *context, const void *arg, float *out, bool check) {
    inputs in = {test_random(VALUES, 2, 1), test_random(VALUES, 1, 2), test_random(VALUES, 1, 3), test_ids(ROWS, D, 4),
                 *(const int *)arg};
    float *y = test_values(VALUES), *rstd = test_values(ROWS), *dx = out, *dw = out + VALUES, *loss = test_values(ROWS);
    setun_rmsnorm_args norm = {sizeof norm, ROWS, D, in.x, in.w, 1e-5f, 0, y, rstd, in.dy, dx, dw};
    OK(context, setun_rmsnorm_forward(context, &norm));
    memset(dw, 0, D * sizeof(float));
    OK(context, setun_rmsnorm_backward(context, &norm));
    if (check) {
        check_all("rmsnorm dx", rmsnorm_loss, &in, in.x, dx, VALUES);
        check_all("rmsnorm dw", rmsnorm_loss, &in, in.w, dw, D);
    }
    setun_glu_args glu = {sizeof glu, ROWS, D, in.kind, 0, in.x, in.w, y, in.dy, dx, dw};
    OK(context, setun_glu_backward(context, &glu));
    if (check) {
        check_all("glu dgate", glu_loss, &in, in.x, dx, VALUES);
        check_all("glu dup", glu_loss, &in, in.w, dw, VALUES);
    }
    in.targets[1] = -1;
    setun_cross_entropy_args entropy = {sizeof entropy, ROWS, D, in.x, in.targets, loss, dx, 1, 0};
    OK(context, setun_cross_entropy(context, &entropy));
    if (check) {
        check_all("dlogits", cross_entropy_loss, &in, in.x, dx, VALUES);
    }
}

int main(void) {
    static const int kinds[] = {SETUN_GLU_SILU, SETUN_GLU_RELU2};
    test_everywhere("gradients", gradients_case, &kinds[0], 2 * VALUES);
    test_everywhere("gradients", gradients_case, &kinds[1], 2 * VALUES);
    return 0;
}
