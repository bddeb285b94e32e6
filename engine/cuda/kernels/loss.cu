// Losses. A loss is a sum over rows divided by a count: each of `parts` threads adds up every parts-th row in double precision,
// add_parts adds those up, last_parts makes the result.

// Whether a row counts: labels below zero are ignored; one beyond the classes is reported and ignored.
FN bool counts(int label, u32 row, int classes, u64 *fault) {
	if (label >= classes) report(fault, NO_CLASS, row, (u32)label, classes);
	return label >= 0 && label < classes;
}

FN float log_sum_exp(const float *v, u32 k) {
	float largest = v[0], sum = 0;
	for (u32 i = 1; i < k; i++) largest = maximum(largest, v[i]);
	for (u32 i = 0; i < k; i++) sum += expf(v[i] - largest);
	return largest + logf(sum);
}

// partial (2, parts): losses, counts.
KERNEL(softmax_loss, (const float *logits, const int *labels, double smoothing, double *partial, u32 n, u32 k, u32 parts, u64 *fault)) {
	u32 p = thread_index();
	if (p >= parts) return;
	double sum = 0, count = 0;
	for (u32 r = p; r < n; r += parts) {
		if (!counts(labels[r], r, k, fault)) continue;
		const float *row = logits + r * k;
		float all = log_sum_exp(row, k);
		count += 1;
		sum += (1 - smoothing) * (all - row[labels[r]]);
		if (smoothing > 0) {
			double rest = 0;
			for (u32 i = 0; i < k; i++) rest += all - row[i];
			sum += smoothing * rest / k;
		}
	}
	partial[p] = sum;
	partial[parts + p] = count;
}

// log(1 + exp(v)) without overflow.
FN float softplus(float v) { return maximum(v, 0) + log1pf(expf(v > 0 ? -v : v)); }

KERNEL(sigmoid_loss, (const float *logits, const int *labels, double *partial, u32 n, u32 parts, u64 *fault)) {
	u32 p = thread_index();
	if (p >= parts) return;
	double sum = 0, count = 0;
	for (u32 r = p; r < n; r += parts) {
		if (!counts(labels[r], r, 2, fault)) continue;
		count += 1;
		sum += softplus(logits[r]) - labels[r] * logits[r];
	}
	partial[p] = sum;
	partial[parts + p] = count;
}

// Its count is one whatever the weights.
KERNEL(smooth_l1, (const float *prediction, const float *target, const float *weight, double beta, double *partial, u32 n, u32 parts)) {
	u32 p = thread_index();
	if (p >= parts) return;
	double sum = 0;
	for (u32 i = p; i < n; i += parts) {
		double d = prediction[i] - target[i];
		if (d < 0) d = -d;
		sum += weight[i] * (d < beta ? d * d / (2 * beta) : d - beta / 2);
	}
	partial[p] = sum;
	partial[parts + p] = 0;
}

// from (rows, n) -> to (rows, m): each m-th of a row added up.
KERNEL(add_parts, (const double *from, double *to, u32 rows, u32 n, u32 m)) {
	u32 i = thread_index();
	if (i >= rows * m) return;
	double sum = 0;
	for (u32 k = i % m; k < n; k += m) sum += from[i / m * n + k];
	to[i] = sum;
}

// from (2, n) -> the mean, zero of none.
KERNEL(last_parts, (const double *from, float *mean, u32 n)) {
	if (thread_index() > 0) return;
	double sum = 0, count = 0;
	for (u32 k = 0; k < n; k++) sum += from[k], count += from[n + k];
	*mean = (float)(sum / (count > 1 ? count : 1));
}

// from (n) -> the sum, in double precision.
KERNEL(last_sum, (const double *from, double *to, u32 n)) {
	if (thread_index() > 0) return;
	double sum = 0;
	for (u32 k = 0; k < n; k++) sum += from[k];
	*to = sum;
}

// partial (parts): how many labels count.
KERNEL(count_labels, (const int *labels, double *partial, u32 n, int classes, u32 parts)) {
	u32 p = thread_index();
	if (p >= parts) return;
	double count = 0;
	for (u32 r = p; r < n; r += parts) count += labels[r] >= 0 && labels[r] < classes;
	partial[p] = count;
}

KERNEL(log_sum_exp_rows, (const float *logits, float *all, u32 n, u32 k)) {
	u32 r = thread_index();
	if (r < n) all[r] = log_sum_exp(logits + r * k, k);
}

FN float share(const float *dloss, const double *count) { return (float)(*dloss / (*count > 1 ? *count : 1)); }

KERNEL(softmax_loss_grad, (const float *logits, const int *labels, const float *all, const double *count, const float *dloss,
                           double smoothing, float *d, u32 n, u32 k)) {
	u32 i = thread_index();
	if (i >= n * k) return;
	u32 r = i / k;
	int label = labels[r];
	float v = 0;
	if (label >= 0 && label < (int)k) {
		v = expf(logits[i] - all[r]) - (float)(smoothing / k);
		if (label == (int)(i % k)) v -= (float)(1 - smoothing);
		v *= share(dloss, count);
	}
	d[i] = v;
}

KERNEL(sigmoid_loss_grad, (const float *logits, const int *labels, const double *count, const float *dloss, float *d, u32 n)) {
	u32 i = thread_index();
	if (i >= n) return;
	int label = labels[i];
	d[i] = label >= 0 && label < 2 ? (sigmoid(logits[i]) - label) * share(dloss, count) : 0;
}

KERNEL(smooth_l1_grad, (const float *prediction, const float *target, const float *weight, const float *dloss, double beta, float *d, u32 n)) {
	u32 i = thread_index();
	if (i >= n) return;
	double difference = prediction[i] - target[i], distance = difference < 0 ? -difference : difference;
	double slope = distance < beta ? difference / beta : difference > 0 ? 1 : difference < 0 ? -1 : 0;
	d[i] = (float)(weight[i] * *dloss * slope);
}
