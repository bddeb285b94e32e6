package server

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"scalenet/imaging"
	"scalenet/internal/config"
	"scalenet/server/models"
	"scalenet/server/schedule"
)

// Config of a Server. DefaultConfig has the values for everything but Models.
type Config struct {
	Models *models.Registry
	// Page answers GET requests that no route of the API takes; nil is none.
	Page http.Handler
	Log  *slog.Logger

	Queue schedule.Options
	// Timeout is how long a request may take from the end of its header, the
	// body and the wait included.
	Timeout time.Duration
	Limits  Limits
	// Threshold is the lowest score that is answered where a request names none.
	Threshold float64
	DeepStack DeepStack
	// Version of the program, for clients that ask.
	Version string

	// Keys of the API; none lets everybody in.
	Keys []string
	// Hosts that requests may name in their Host header; none is any.
	Hosts []string
	// Origins of pages elsewhere whose scripts may call the API (CORS).
	Origins []string
	// TrustedProxies are addresses or networks whose X-Forwarded-For is believed.
	TrustedProxies []string
	// Rate is the number of requests a client may send a second, and Burst how
	// many at once; 0 is no limit.
	Rate  float64
	Burst int
	// AllowURL takes addresses of images, which the server fetches.
	AllowURL bool

	// Gauges are shown in /metrics beside the server's own.
	Gauges []Gauge

	// ReloadEvery is how often the models' files are looked at; 0 is never.
	ReloadEvery time.Duration
	// DrainDelay is how long the server, told to end, says that it is not ready
	// and serves on, until nobody sends it requests any more.
	DrainDelay time.Duration
	// DrainTimeout is how long requests in flight may then take to end.
	DrainTimeout time.Duration
}

// Gauge is a figure that others measure, such as a device's memory.
type Gauge struct {
	Name, Help string // without the prefix scalenet_
	Value      func() float64
}

// Limits of a request.
type Limits struct {
	Body   int            // bytes of a request's body
	Image  imaging.Limits // of each image
	Images int            // in one request
	// Memory bounds the bytes of all bodies and decoded images in flight.
	Memory int64
}

// DefaultConfig serves one image at a time and waits at most ten seconds.
func DefaultConfig() Config {
	return Config{
		Log:       slog.New(slog.DiscardHandler),
		Queue:     schedule.Options{Places: 64, Wait: 10 * time.Second, Batch: 1},
		Timeout:   30 * time.Second,
		Threshold: 0.5,
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

// validate checks the ranges; the error names the option and the value.
func (c Config) validate() error {
	image := 2 * 3 * int64(c.Limits.Image.Pixels)
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
		{"threshold", c.Threshold, c.Threshold >= 0 && c.Threshold <= 1, "in [0, 1]"},
		{"max-body", c.Limits.Body, c.Limits.Body >= 1, "at least 1"},
		{"max-pixels", c.Limits.Image.Pixels, c.Limits.Image.Pixels >= 1, "at least 1"},
		{"max-side", c.Limits.Image.Side, c.Limits.Image.Side >= 1, "at least 1"},
		{"max-images", c.Limits.Images, c.Limits.Images >= 1 && c.Limits.Images <= c.Queue.Places, fmt.Sprintf("from 1 to the %d places of the queue", c.Queue.Places)},
		{"memory", c.Limits.Memory, c.Limits.Memory >= image+2*int64(c.Limits.Body), fmt.Sprintf("at least %d, for the largest body and image", image+2*int64(c.Limits.Body))},
		{"rate", c.Rate, c.Rate >= 0, "at least 0"},
		{"burst", c.Burst, c.Rate == 0 || c.Burst >= 1, "at least 1"},
		{"drain-delay", c.DrainDelay, c.DrainDelay >= 0, "at least 0"},
		{"drain-timeout", c.DrainTimeout, c.DrainTimeout > 0, "above 0"},
	} {
		if !k.valid {
			return fmt.Errorf("server: %w", config.Invalid(k.key, k.value, k.need))
		}
	}
	for _, key := range c.Keys {
		if err := soundKey(key); err != nil {
			return fmt.Errorf("server: %w", err)
		}
	}
	return c.DeepStack.validate(c.Models)
}

// LoopbackHosts are the hosts by which a server on a loopback address is
// reached; a page whose name was turned to point at it does not name one. nil
// for other addresses.
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
