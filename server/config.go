package server

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"scalenet/detector"
	"scalenet/imaging"
	"scalenet/internal/config"
	"scalenet/server/internal/schedule"
	"scalenet/server/models"
)

// Config configures a Server. DefaultConfig sets everything but Models.
type Config struct {
	Models *models.Registry
	// Page handles GET requests that are not for the API (the web UI); nil turns it off.
	Page http.Handler
	Log  *slog.Logger

	Queue schedule.Options
	// Timeout is the maximum time of a request after its header, including the body
	// and queueing.
	Timeout time.Duration
	Limits  Limits
	// Threshold is the minimum score of detections, for what a request does not give.
	// Classes that a model does not have are ignored for that model.
	Threshold   detector.Threshold
	DeepStack   DeepStack
	LabelStudio LabelStudio
	// Version of the program, in server metadata.
	Version string

	// Keys are the API keys. Without any, the API is open.
	Keys []string
	// Hosts are the accepted Host header values; empty accepts all.
	Hosts []string
	// Origins are the origins allowed by CORS.
	Origins []string
	// TrustedProxies are IP addresses or networks of proxies whose X-Forwarded-For is trusted.
	TrustedProxies []string
	// Rate is the rate limit in requests per second per client, 0 is no limit. Burst
	// is the number of requests that a client may send at once.
	Rate  float64
	Burst int
	// AllowURL lets requests give images by URL, which the server fetches.
	AllowURL bool

	// Gauges are additional metrics of /metrics.
	Gauges []Gauge

	// ReloadEvery is the interval at which model files are checked for changes; 0 is never.
	ReloadEvery time.Duration
	// DrainDelay is the time after the context ends in which the server still serves
	// but /readyz returns 503, so that load balancers stop sending requests.
	DrainDelay time.Duration
	// DrainTimeout is the maximum wait for requests in progress after that.
	DrainTimeout time.Duration
}

// Gauge is a metric that the caller measures, such as GPU memory.
type Gauge struct {
	Name, Help string // without the prefix scalenet_
	Value      func() float64
}

// Limits are the limits of requests.
type Limits struct {
	Body   int            // bytes of a request's body
	Image  imaging.Limits // of each image
	Images int            // in one request
	// Tiles is the maximum number of network runs, of tiles and whole images, for one request with tiles; 0 is the places of the queue.
	Tiles int
	// Memory is the maximum total of bytes of bodies and decoded images, over all requests.
	Memory int64
}

func (l Limits) tiles(places int) int {
	if l.Tiles == 0 {
		return places
	}
	return l.Tiles
}

// LeastMemory returns the lowest Memory for a request with the largest body and image: the body and its parts, and two copies of the decoded image.
func (l Limits) LeastMemory() int64 { return 2*int64(l.Body) + 2*3*int64(l.Image.Pixels) }

// DefaultConfig returns the defaults: batches of one image and at most ten seconds of queueing.
func DefaultConfig() Config {
	return Config{
		Log:     slog.New(slog.DiscardHandler),
		Queue:   schedule.Options{Places: 64, Wait: 10 * time.Second, Batch: 1},
		Timeout: 30 * time.Second,
		Limits: Limits{
			Body:   32 << 20,
			Image:  imaging.Limits{Side: 12000, Pixels: 40_000_000},
			Images: 16,
			Memory: 1 << 30,
		},
		ReloadEvery:  2 * time.Second,
		DrainTimeout: time.Minute,
	}
}

// validate returns an error with option and value if a value is out of range.
func (c Config) validate() error {
	least := c.Limits.LeastMemory()
	for _, k := range []struct {
		key   string
		value any
		valid bool
		need  string
	}{
		{"models", c.Models, c.Models != nil, "given"},
		{"queue", c.Queue.Places, c.Queue.Places >= 1, "at least 1"},
		{"max-wait", c.Queue.Wait, c.Queue.Wait >= 0, "at least 0"},
		{"batch", c.Queue.Batch, c.Queue.Batch >= 1, "at least 1"},
		{"batch-delay", c.Queue.Delay, c.Queue.Delay >= 0, "at least 0"},
		{"timeout", c.Timeout, c.Timeout > 0, "above 0"},
		{"max-body", c.Limits.Body, c.Limits.Body >= 1, "at least 1"},
		{"max-pixels", c.Limits.Image.Pixels, c.Limits.Image.Pixels >= 1, "at least 1"},
		{"max-side", c.Limits.Image.Side, c.Limits.Image.Side >= 1, "at least 1"},
		{"max-images", c.Limits.Images, c.Limits.Images >= 1 && c.Limits.Images <= c.Queue.Places, fmt.Sprintf("from 1 to the %d places of the queue", c.Queue.Places)},
		{"max-tiles", c.Limits.Tiles, c.Limits.Tiles >= 0 && c.Limits.Tiles <= c.Queue.Places, fmt.Sprintf("from 0 to the %d places of the queue", c.Queue.Places)},
		{"memory", c.Limits.Memory, c.Limits.Memory >= least, fmt.Sprintf("at least %d bytes, for the largest body and image", least)},
		{"rate", c.Rate, c.Rate >= 0, "at least 0"},
		{"burst", c.Burst, c.Rate == 0 || c.Burst >= 1, "at least 1"},
		{"reload-every", c.ReloadEvery, c.ReloadEvery >= 0, "at least 0"},
		{"drain-delay", c.DrainDelay, c.DrainDelay >= 0, "at least 0"},
		{"drain-timeout", c.DrainTimeout, c.DrainTimeout > 0, "above 0"},
	} {
		if !k.valid {
			return fmt.Errorf("server: %w", config.Invalid(k.key, k.value, k.need))
		}
	}
	for _, key := range c.Keys {
		if err := checkKeyFormat(key); err != nil {
			return fmt.Errorf("server: %w", err)
		}
	}
	for _, origin := range c.Origins {
		if err := checkOrigin(origin); err != nil {
			return err
		}
	}
	classes := allClasses(c.Models)
	if err := checkThreshold(c.Threshold, classes); err != nil {
		return err
	}
	return c.DeepStack.validate(classes)
}

// LoopbackHosts returns the Host header values of a server on a loopback address,
// which prevents DNS rebinding, or nil for other addresses.
func LoopbackHosts(listen string) []string {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return nil
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil
	}
	return []string{"localhost", "127.0.0.1", "::1", host}
}
