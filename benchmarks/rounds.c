/* The model of poq/simulation/kernel.py in scalar C, for one rule (RULE: 0 trust-weighted mean,
 * 1 median), the published trust update, boosting, K evaluator nodes and complete scores.
 * What a C programmer would write for this one case; benchmarks/simulation.py compiles it and
 * checks that it gives the kernel's statistics. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define BINS 1001

static inline uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

static inline uint64_t next(uint64_t s[4]) {
    uint64_t result = s[0] + s[3], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

/* fmin and fmax would be calls. */
static inline double min(double a, double b) { return a < b ? a : b; }
static inline double max(double a, double b) { return a > b ? a : b; }

static inline uint64_t below(uint64_t s[4], uint64_t n) { return ((next(s) >> 32) * n) >> 32; }

#if RULE == 0
static inline double agree(const double *s, const double *w) {
    double total = 0, trust = 0;
    for (int i = 0; i < K; i++) {
        total += w[i] * s[i];
        trust += w[i];
    }
    return total / trust;
}
#else
static inline double agree(const double *s, const double *w) {
    double sorted[K];
    for (int i = 0; i < K; i++) {
        int place = 0;
        for (int j = 0; j < i; j++) place += s[j] <= s[i];
        for (int j = i + 1; j < K; j++) place += s[j] < s[i];
        sorted[place] = s[i];
    }
    return (sorted[(K - 1) / 2] + sorted[K / 2]) / 2;
}
#endif

void play(int64_t outputs, int64_t evaluators, const double *scores, const double *quality,
          const double *rank, const int64_t *task_of, int64_t nodes, const int32_t *evaluator_of,
          int64_t malicious, const double *costs, double slope, double alpha, double initial,
          double rate, double minimum, double cap, double shift, int64_t rounds,
          int64_t replications, const uint64_t *states, double *sums, double *by_output,
          double *histogram) {
    double *trust = malloc(nodes * sizeof *trust);
    for (int64_t r = 0; r < replications; r++) {
        uint64_t s[4] = {states[8 * r], states[8 * r + 1], states[8 * r + 2], states[8 * r + 3]};
        int64_t first = below(s, nodes);
        for (int64_t n = 0; n < nodes; n++) trust[n] = initial;
        double sum_c = 0, sum_cc = 0, sum_error = 0, sum_d = 0, sum_d_bad = 0;
        double sum_r = 0, sum_rr = 0, sum_r_bad = 0, sum_rr_bad = 0;
        double trust_all = initial * nodes, trust_bad = initial * malicious;
        int64_t ratings_bad = 0, at_cap = 0, at_cap_bad = 0, half_saturated = 0, saturated = 0;
        for (int64_t t = 1; t <= rounds; t++) {
            int64_t output = below(s, outputs), task = task_of[output], node[K];
            for (int i = 0; i < K; i++) {
                int64_t last = nodes - K + i, drawn = below(s, last + 1);
                int taken = 0;
                for (int j = 0; j < i; j++) taken |= node[j] == drawn;
                node[i] = taken ? last : drawn;
            }
            double given[K], weight[K];
            int bad[K], column[K];
            for (int i = 0; i < K; i++) {
                int64_t shifted = node[i] - first;
                if (shifted < 0) shifted += nodes;
                bad[i] = shifted < malicious;
                column[i] = evaluator_of[node[i]];
                weight[i] = trust[node[i]];
                double honest = scores[output * evaluators + column[i]];
                given[i] = min(honest + (bad[i] ? shift : 0), 10);
            }
            double consensus = agree(given, weight);
            for (int i = 0; i < K; i++) {
                double distance = fabs(given[i] - consensus), d = distance * 0.1;
                double earned = alpha - slope * distance - costs[(2 * task + bad[i]) * evaluators + column[i]];
                double moved = weight[i] * (1 + rate * (0.5 - d));
                double updated = min(max(moved, minimum), cap);
                int reached = (updated >= cap) - (weight[i] >= cap);
                trust[node[i]] = updated;
                sum_d += d;
                sum_r += earned;
                sum_rr += earned * earned;
                sum_d_bad += bad[i] * d;
                sum_r_bad += bad[i] * earned;
                sum_rr_bad += bad[i] * earned * earned;
                ratings_bad += bad[i];
                trust_all += updated - weight[i];
                trust_bad += bad[i] * (updated - weight[i]);
                at_cap += reached;
                at_cap_bad += bad[i] * reached;
            }
            if (!half_saturated && 2 * at_cap >= nodes) half_saturated = t;
            if (!saturated && at_cap == nodes) saturated = t;
            double c = consensus - 5;
            sum_c += c;
            sum_cc += c * c;
            sum_error += fabs(consensus - quality[output]);
            double *of_output = by_output + 2 * (r * outputs + output);
            of_output[0] += 1;
            of_output[1] += c;
            double *bins = histogram + 2 * BINS * r;
            int64_t bin = (int64_t)(consensus * 100 + 0.5);
            bins[2 * bin] += 1;
            bins[2 * bin + 1] += rank[output];
        }
        double row[] = {sum_c,     sum_error,  sum_d,          sum_d_bad, sum_r,  sum_rr,
                        sum_r_bad, sum_rr_bad, ratings_bad,    0,         trust_all, trust_bad,
                        at_cap,    at_cap_bad, half_saturated, saturated,
                        sum_cc};
        for (int i = 0; i < 17; i++) sums[17 * r + i] = row[i];
    }
    free(trust);
}
