package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"scalenet/server/models"
)

// metrics are the metrics of /metrics, which docs/serving.md lists.
type metrics struct {
	registry *prometheus.Registry

	requests   *prometheus.CounterVec   // endpoint, status
	duration   *prometheus.HistogramVec // endpoint
	images     *prometheus.CounterVec   // model, outcome
	undecoded  *prometheus.CounterVec   // reason
	queued     *prometheus.HistogramVec // model
	compute    *prometheus.HistogramVec // model
	batch      *prometheus.HistogramVec // model
	cancelled  prometheus.Counter
	failures   *prometheus.CounterVec // model
	reloads    *prometheus.CounterVec // model, outcome
	unlabelled *prometheus.CounterVec // model
}

func newMetrics(s *Server) *metrics {
	r := prometheus.NewRegistry()
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "scalenet_" + name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "scalenet_" + name, Help: help, Buckets: buckets}, labels)
		r.MustRegister(h)
		return h
	}
	gauge := func(name, help string, value func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "scalenet_" + name, Help: help}, value))
	}
	seconds := prometheus.ExponentialBuckets(0.001, 2, 16) // to 33 s
	m := &metrics{
		registry:   r,
		requests:   counter("requests_total", "Requests by endpoint and HTTP status; 499 means that the client has disconnected.", "endpoint", "status"),
		duration:   histogram("request_seconds", "Time from the request header to the end of the response.", seconds, "endpoint"),
		images:     counter("images_total", "Images by model and outcome: ok or the error code.", "model", "outcome"),
		undecoded:  counter("decode_failures_total", "Images that could not be decoded, by error code.", "reason"),
		queued:     histogram("queue_seconds", "Queueing time per image.", seconds, "model"),
		compute:    histogram("compute_seconds", "Time per batch for preprocessing, inference and post-processing.", seconds, "model"),
		batch:      histogram("batch_size", "Images per batch.", prometheus.ExponentialBuckets(1, 2, 7), "model"),
		failures:   counter("compute_failures_total", "Batches that failed in inference.", "model"),
		unlabelled: counter("labelstudio_dropped_total", "Detections that were not sent to Label Studio, because the project has no label for their class.", "model"),
		reloads:    counter("reloads_total", "Reloads of models by outcome: ok or failed.", "model", "outcome"),
	}
	m.cancelled = prometheus.NewCounter(prometheus.CounterOpts{Name: "scalenet_cancelled_total", Help: "Images whose client disconnected before the response."})
	r.MustRegister(m.cancelled, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), modelInfo{s.config.Models})
	for _, g := range s.config.Gauges {
		gauge(g.Name, g.Help, g.Value)
	}
	gauge("queue_depth", "Queue slots in use.", func() float64 { return float64(s.queue.Depth()) })
	gauge("queue_places", "Queue slots.", func() float64 { return float64(s.config.Queue.Places) })
	gauge("queue_wait_seconds", "Estimated queueing time of a new image.", func() float64 { return s.queue.EstimatedWait().Seconds() })
	gauge("memory_bytes", "Bytes of bodies and decoded images of all requests in progress.", func() float64 { return float64(s.memory.used.Load()) })
	gauge("ready", "1 if the server is ready, otherwise 0.", func() float64 {
		if s.ready() {
			return 1
		}
		return 0
	})
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

func (m *metrics) request(endpoint string, status int, d time.Duration) {
	m.requests.WithLabelValues(endpoint, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(endpoint).Observe(d.Seconds())
}

// computed records a batch.
func (m *metrics) computed(model string, n int, d time.Duration, err error) {
	m.batch.WithLabelValues(model).Observe(float64(n))
	m.compute.WithLabelValues(model).Observe(d.Seconds())
	if err != nil {
		m.failures.WithLabelValues(model).Inc()
	}
}

// image records the outcome of an image.
func (m *metrics) image(model string, f found) {
	if f.err == nil {
		m.images.WithLabelValues(model, "ok").Inc()
		m.queued.WithLabelValues(model).Observe(f.timing.queue.Seconds())
		return
	}
	code := asError(f.err).Code
	m.images.WithLabelValues(model, code).Inc()
	switch code {
	case "cancelled":
		m.cancelled.Inc()
	case "unsupported_image", "corrupt_image", "image_too_large":
		m.undecoded.WithLabelValues(code).Inc()
	}
}

func (m *metrics) reloaded(r models.Reload) {
	outcome := "ok"
	if r.Err != nil {
		outcome = "failed"
	}
	m.reloads.WithLabelValues(r.Name, outcome).Inc()
}

// modelInfo is 1 for the name and version of each model in use.
type modelInfo struct{ models *models.Registry }

var modelInfoDesc = prometheus.NewDesc("scalenet_model_info", "Models that serve, with their version.", []string{"model", "version"}, nil)

func (modelInfo) Describe(out chan<- *prometheus.Desc) { out <- modelInfoDesc }

func (i modelInfo) Collect(out chan<- prometheus.Metric) {
	for _, m := range i.models.All() {
		out <- prometheus.MustNewConstMetric(modelInfoDesc, prometheus.GaugeValue, 1, m.Name, m.Version)
		m.Release()
	}
}
